/** The page that checks a proof: the verifier of the product over WebCrypto, and nothing is sent anywhere. */
import { AuditError } from '../errors.ts'
import { logAlone, type Policy, policyOf } from '../policy.ts'
import { vkeyOf } from '../signed.ts'
import { type Question, runAsync, type Steps } from '../steps.ts'
import { type Proven, proves } from '../tlogProof.ts'

/** What is needed of the browser's types. */
type Subtle = {
  digest(name: string, bytes: Uint8Array): Promise<ArrayBuffer>
  importKey(format: 'raw', key: Uint8Array, name: string, extractable: boolean, uses: readonly string[]): Promise<unknown>
  verify(name: string, key: unknown, signature: Uint8Array, message: Uint8Array): Promise<boolean>
}
type Field = { value: string; files: ArrayLike<{ arrayBuffer(): Promise<ArrayBuffer>; text(): Promise<string> }> | null }
type Element = { textContent: string | null; className: string; addEventListener(what: string, then: () => void): void }
export type Page = { getElementById(id: string): (Field & Element) | null }

const inBrowser = <T>(steps: Steps<T>, subtle: Subtle): Promise<T> =>
  runAsync(steps, async (q: Question) => {
    if (q.ask === 'sha256') return new Uint8Array(await subtle.digest('SHA-256', q.bytes))
    try {
      const key = await subtle.importKey('raw', q.publicKey, 'Ed25519', false, ['verify'])
      return await subtle.verify('Ed25519', key, q.signature, q.message)
    } catch (error) {
      if ((error as Error).name === 'NotSupportedError')
        throw new AuditError('no-ed25519', 'this browser cannot check Ed25519 signatures: take a newer one')
      return false
    }
  })

/** `trust` is the vkey of a log, or a policy (C2SP tlog-policy). */
export async function checkProof(proof: string, entry: Uint8Array, trust: string, subtle: Subtle): Promise<Proven> {
  try {
    const policy: Steps<Policy> = /^\s*quorum\s/m.test(trust) ? policyOf(trust) : aloneOf(trust)
    return await inBrowser(proves(proof, entry, await inBrowser(policy, subtle)), subtle)
  } catch (error) {
    return { ok: false, why: (error as Error).message }
  }
}
function* aloneOf(vkey: string): Steps<Policy> {
  return logAlone(yield* vkeyOf(vkey))
}

export function textOf(result: Proven): string {
  if (!result.ok) return `Not proven: ${result.why}.`
  const { index, checkpoint, log, witnesses } = result
  const seen = witnesses.map(w => `${w.name} (${new Date(w.atS * 1000).toISOString()})`).join(', ')
  return `Proven: this is entry ${index} of the ${checkpoint.size} in ${log}. ${seen === '' ? 'No witness was asked for.' : `Seen by ${seen}.`}`
}

export function start(page: Page, subtle: Subtle): void {
  const field = (id: string) => page.getElementById(id)!
  const verdict = field('verdict')
  field('check').addEventListener('click', async () => {
    const [proof, entry] = [field('proof').files?.[0], field('entry').files?.[0]]
    if (proof === undefined || entry === undefined || field('trust').value.trim() === '') {
      verdict.textContent = 'Choose both files, and say whom you trust.'
      return
    }
    const result = await checkProof(await proof.text(), new Uint8Array(await entry.arrayBuffer()), field('trust').value, subtle)
    verdict.textContent = textOf(result)
    verdict.className = result.ok ? 'yes' : 'no'
  })
}
