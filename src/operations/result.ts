/** What an operation answers: the thing, or a refusal that names its ground. Refusals are expected outcomes, not exceptions. */
export type Result<T> = { readonly ok: true; readonly value: T } | { readonly ok: false; readonly refusal: Refusal }

/** Who must act, by kind: `unavailable` the people who run the bridge, all others the one who asked. */
export type RefusalKind =
  | 'invalid'
  | 'notFound'
  | 'conflict'
  | 'locked'
  | 'gone'
  | 'forbidden'
  | 'preconditionRequired'
  | 'preconditionFailed'
  | 'unavailable'
  | 'tooLarge'
/** `code` is stable and in kebab case; `pointer` is a JSON pointer as a fragment (`#/limit/amps`). */
export type Refusal = {
  readonly kind: RefusalKind
  readonly code: string
  readonly message: string
  readonly hint?: string
  readonly errors?: readonly { readonly pointer: string; readonly detail: string; readonly value?: unknown }[]
}
export const done = <T>(value: T): Result<T> => ({ ok: true, value })
export const refuse = (
  kind: RefusalKind,
  code: string,
  message: string,
  hint?: string,
  errors?: Refusal['errors'],
): { ok: false; refusal: Refusal } => ({
  ok: false,
  refusal: { kind, code, message, ...(hint === undefined ? {} : { hint }), ...(errors === undefined ? {} : { errors }) },
})
export const invalid = (code: string, pointer: string, value: unknown, message: string, hint?: string) =>
  refuse('invalid', code, message, hint, [{ pointer, detail: message, value }])

/** The one who asks: the name of a token, or of the user of a command line. Goes into the record. */
export type By = { readonly name: string }

export const seconds = (ms: number): number => Math.floor(ms / 1000)
export const isoS = (s: number): string => new Date(s * 1000).toISOString()
/** Null for what has no end. */
export const isoOrNull = (s: number, never: number): string | null => (s >= never ? null : isoS(s))
