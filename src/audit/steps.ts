/**
 * How one verifier serves a server and a browser. node:crypto answers at once and WebCrypto only with promises, so a check is written as a generator that
 * asks for each hash and each signature check, and whoever runs it answers.
 */
export type Question =
  | { readonly ask: 'sha256'; readonly bytes: Uint8Array }
  | { readonly ask: 'ed25519'; readonly publicKey: Uint8Array; readonly message: Uint8Array; readonly signature: Uint8Array }
type Answer = Uint8Array | boolean
export type Steps<T> = Generator<Question, T, Answer>

export function* sha256Of(bytes: Uint8Array): Steps<Uint8Array> {
  return (yield { ask: 'sha256', bytes }) as Uint8Array
}
/** False also for a signature that is no Ed25519 signature at all. */
export function* isSigned(publicKey: Uint8Array, message: Uint8Array, signature: Uint8Array): Steps<boolean> {
  return (yield { ask: 'ed25519', publicKey, message, signature }) as boolean
}

export function run<T>(steps: Steps<T>, answer: (question: Question) => Answer): T {
  let step = steps.next()
  while (step.done !== true) step = steps.next(answer(step.value))
  return step.value
}
export async function runAsync<T>(steps: Steps<T>, answer: (question: Question) => Promise<Answer>): Promise<T> {
  let step = steps.next()
  while (step.done !== true) step = steps.next(await answer(step.value))
  return step.value
}
