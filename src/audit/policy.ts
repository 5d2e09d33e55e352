/** Whom one trusts (C2SP tlog-policy): logs, witnesses, and how many of the witnesses must have seen a checkpoint. */
import { toHex } from './bytes.ts'
import { AuditError } from './errors.ts'
import { type KeyType, type NoteKey, vkeyOf } from './signed.ts'
import type { Steps } from './steps.ts'

export type Trusted = { readonly name: string; readonly key: NoteKey; readonly url: string | null }
export type Policy = {
  readonly logs: readonly Trusted[]
  /** By their names within the policy; `url` is where they take checkpoints. */
  readonly witnesses: readonly Trusted[]
  readonly groups: ReadonlyMap<string, { readonly least: number; readonly members: readonly string[] }>
  /** A witness, a group, or `none`. */
  readonly quorum: string
}

/** One log, and nobody who watches it. */
export const logAlone = (key: NoteKey): Policy => ({
  logs: [{ name: key.name, key, url: null }],
  witnesses: [],
  groups: new Map(),
  quorum: 'none',
})

/** Have enough witnesses cosigned? `names` as the policy has them. */
export function isQuorum({ groups, quorum }: Policy, names: readonly string[]): boolean {
  const has = (name: string): boolean => {
    const group = groups.get(name)
    return group === undefined ? names.includes(name) : group.members.filter(has).length >= group.least
  }
  return quorum === 'none' || has(quorum)
}

/** @throws AuditError `policy-malformed` with the line, `key-malformed` */
export function* policyOf(text: string): Steps<Policy> {
  const [logs, witnesses]: [Trusted[], Trusted[]] = [[], []]
  const groups = new Map<string, { least: number; members: readonly string[] }>()
  const grouped = new Set<string>()
  let quorum: string | undefined
  const isKnown = (name: string) => groups.has(name) || witnesses.some(w => w.name === name)

  for (const [i, line] of text.split('\n').entries()) {
    const [word, ...items] = line.split(/[ \t]+/).filter(Boolean)
    if (word === undefined || word.startsWith('#')) continue
    const refuse = (why: string) => new AuditError('policy-malformed', `line ${i + 1} of the policy: ${why}`)
    const isNew = (name: string | undefined): name is string => {
      if (name === undefined || name === 'none' || isKnown(name)) throw refuse(`${name ?? 'a name'} is missing or taken`)
      return true
    }
    const [name = '', ...rest] = items
    // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what is looked for
    if (/[\u0000-\u0008\u000b-\u001f\u007f]/.test(line)) throw refuse('there is a control character')
    if (word === 'log') logs.push(yield* trusted(name, [name, ...rest], 'note', logs, refuse))
    else if (word === 'witness') {
      if (isNew(items[0])) witnesses.push(yield* trusted(name, rest, 'cosignature', witnesses, refuse))
    } else if (word === 'group') {
      const [least, ...members] = rest
      isNew(items[0])
      for (const member of members) {
        if (!isKnown(member)) throw refuse(`${member} is not defined before`)
        if (grouped.has(member)) throw refuse(`${member} is in a group already`)
        grouped.add(member)
      }
      groups.set(name, { least: leastOf(least, members.length, refuse), members })
    } else if (word === 'quorum') {
      if (quorum !== undefined) throw refuse('there is a quorum already')
      if (items.length !== 1 || (name !== 'none' && !isKnown(name))) throw refuse(`${name || 'the quorum'} is not defined before`)
      quorum = name
    } else throw refuse(`${word} is not log, witness, group or quorum`)
  }
  if (quorum === undefined) throw new AuditError('policy-malformed', 'the policy has no quorum line')
  return { logs, witnesses, groups, quorum }
}

type Refuse = (why: string) => AuditError
function* trusted(
  name: string,
  [vkey, url, ...more]: readonly string[],
  type: KeyType,
  others: readonly Trusted[],
  refuse: Refuse,
): Steps<Trusted> {
  if (vkey === undefined || more.length > 0) throw refuse('expected a vkey and at most one URL')
  const key = yield* vkeyOf(vkey)
  if (key.type !== type) throw refuse(`${key.name} is of type ${key.type}, a ${type} key is needed here`)
  if (others.some(o => toHex(o.key.publicKey) === toHex(key.publicKey))) throw refuse(`the key of ${key.name} is listed twice`)
  return { name: type === 'note' ? key.name : name, key, url: url ?? null }
}
function leastOf(text: string | undefined, members: number, refuse: Refuse): number {
  const least = text === 'any' ? 1 : text === 'all' ? members : /^[1-9]\d*$/.test(text ?? '') ? Number(text) : 0
  if (least < 1 || least > members) throw refuse(`a group has "all", "any" or a number from 1 to how many are in it (${members})`)
  return least
}
