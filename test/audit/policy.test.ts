import { describe, expect, it } from 'vitest'
import { signCheckpoint } from '../../src/audit/checkpoint.ts'
import { atOnce } from '../../src/audit/crypto.ts'
import { checkpointIn } from '../../src/audit/log.ts'
import { inclusionProof, leafHash, rangeRoot, treeOf } from '../../src/audit/merkle.ts'
import { cosignerOf, generateSeed, signerOf } from '../../src/audit/note.ts'
import { isQuorum, logAlone, policyOf } from '../../src/audit/policy.ts'
import { emptyEdge, grow } from '../../src/audit/tiles.ts'
import { accepts, formatProof, parseProof, proves } from '../../src/audit/tlogProof.ts'

const log = signerOf('grid.example/log', new Uint8Array(32).fill(1))
const [x, y, z] = ['x', 'y', 'z'].map((name, i) => cosignerOf(`${name}.example/w`, new Uint8Array(32).fill(10 + i))) as [
  ReturnType<typeof cosignerOf>,
  ReturnType<typeof cosignerOf>,
  ReturnType<typeof cosignerOf>,
]
const read = (text: string) => atOnce(policyOf(text))
const three = `
# two of three, as the contract says
log ${log.verifier.vkey} https://bridge.example/log
witness X ${x.verifier.vkey} https://x.example
witness	Y  ${y.verifier.vkey}
  witness Z ${z.verifier.vkey}
group two 2 X Y Z
quorum two
`

describe('a policy (C2SP tlog-policy)', () => {
  it('says whom to trust and how many must have seen', () => {
    const policy = read(three)
    expect(policy.logs.map(l => [l.name, l.url])).toEqual([['grid.example/log', 'https://bridge.example/log']])
    expect(policy.witnesses.map(w => [w.name, w.key.name, w.url])).toEqual([
      ['X', 'x.example/w', 'https://x.example'],
      ['Y', 'y.example/w', null],
      ['Z', 'z.example/w', null],
    ])
    expect([[], ['X'], ['X', 'Q'], ['X', 'Z'], ['X', 'Y', 'Z']].map(names => isQuorum(policy, names))).toEqual([
      false,
      false,
      false,
      true,
      true,
    ])
  })
  it('groups of groups', () => {
    const policy = read(
      `witness X ${x.verifier.vkey}\nwitness Y ${y.verifier.vkey}\nwitness Z ${z.verifier.vkey}\ngroup any1 any X Y\ngroup both all any1 Z\nquorum both\n`,
    )
    expect([['X'], ['Z'], ['X', 'Y'], ['Y', 'Z']].map(names => isQuorum(policy, names))).toEqual([false, false, false, true])
    expect(isQuorum(read('quorum none'), [])).toBe(true)
  })
  it.each([
    ['no quorum', `log ${log.verifier.vkey}`, 'no quorum line'],
    ['two quorums', 'quorum none\nquorum none', 'line 2 of the policy: there is a quorum already'],
    ['a quorum nobody defined', 'quorum X', 'line 1 of the policy: X is not defined before'],
    ['a name twice', three.replace('witness	Y', 'witness X'), 'line 5 of the policy: X is missing or taken'],
    ['a witness called none', `witness none ${x.verifier.vkey}\nquorum none`, 'none is missing or taken'],
    ['a key twice', three.replace(y.verifier.vkey, x.verifier.vkey), 'is listed twice'],
    ['the key of a log for a witness', three.replace(y.verifier.vkey, log.verifier.vkey), 'a cosignature key is needed here'],
    ['the key of a witness for a log', three.replace(log.verifier.vkey, x.verifier.vkey), 'a note key is needed here'],
    ['a group of too few', three.replace('2 X Y Z', '4 X Y Z'), 'a number from 1 to how many are in it (3)'],
    ['a group of none', three.replace('2 X Y Z', 'any'), 'a number from 1'],
    ['a member twice', three.replace('2 X Y Z', '2 X X'), 'X is in a group already'],
    ['a word that is none', 'wittness X', 'wittness is not log, witness, group or quorum'],
    ['a changed key', three.replace('+A', '+B'), 'key'],
  ])('%s is refused with its line', (_, text, why) => {
    expect(() => read(text)).toThrow(why)
  })
})

/** Entry 3 of 7, with the checkpoint cosigned by some. */
const entries = Array.from({ length: 7 }, (_, i) => Buffer.from(`entry ${i}`))
const edge = emptyEdge()
for (const entry of entries) grow(edge, leafHash(entry))
const own = signCheckpoint(7, rangeRoot(edge.range), log)
const body = own.slice(0, own.indexOf('\n\n') + 1)
const at = 1_700_000_000
const note = own + x.cosignatureLine(body, at) + z.cosignatureLine(body, at + 5)
const proof = (checkpoint: string, index = 3) =>
  formatProof({ index, hashes: inclusionProof(treeOf(entries.map(leafHash)), index, 7), checkpoint })
const check = (text: string, entry: Uint8Array = entries[3]!, policy = read(three)) => atOnce(proves(text, entry, policy))

/** The same signature under a time one second later. */
function later(line: string): string {
  const [dash, name, signature] = line.trim().split(' ')
  const bytes = Buffer.from(signature!, 'base64')
  bytes[4 + 7]! += 1
  return `${dash} ${name} ${bytes.toString('base64')}\n`
}

describe('a proof in a file (C2SP tlog-proof)', () => {
  it('comes back as it was written, also with bytes that nothing vouches for', () => {
    const written = {
      extra: Uint8Array.of(1, 2),
      index: 3,
      hashes: inclusionProof(treeOf(entries.map(leafHash)), 3, 7).map(h => Uint8Array.from(h)),
      checkpoint: note,
    }
    expect(parseProof(formatProof(written))).toEqual(written)
    expect(formatProof(written).split('\n').slice(0, 3)).toEqual(['c2sp.org/tlog-proof@v1', 'extra AQI=', 'index 3'])
    expect(checkpointIn((parseProof(proof(note)) as { checkpoint: string }).checkpoint)?.size).toBe(7)
  })
  it('proves an entry to who trusts the log and two of three witnesses', () => {
    expect(check(proof(note))).toMatchObject({
      ok: true,
      index: 3,
      log: 'grid.example/log',
      witnesses: [
        { name: 'X', atS: at },
        { name: 'Z', atS: at + 5 },
      ],
    })
    expect(check(proof(own), entries[3], logAlone(log.verifier))).toMatchObject({ ok: true, witnesses: [] })
  })
  it.each<[what: string, text: string, why: string, entry?: Uint8Array | undefined]>([
    ['another entry', proof(note), 'this entry is not number 3 of the 7', entries[4]],
    ['another number', proof(note).replace('index 3', 'index 2'), 'this entry is not number 2 of the 7'],
    ['a number beyond the log', proof(note).replace('index 3', 'index 7'), 'leaf 7 is not in a tree of 7'],
    ['a hash too few', proof(note).replace(/(index 3\n).*\n/, '$1'), 'too short'],
    ['one witness where two are asked for', proof(own + x.cosignatureLine(body, at)), 'the policy asks for two, cosigned by X'],
    ['no witness', proof(own), 'cosigned by no witness of it'],
    [
      'a cosignature of another checkpoint',
      proof(own + x.cosignatureLine(`${body}x\n`, at) + z.cosignatureLine(body, at)),
      'the cosignature of X is not of this checkpoint',
    ],
    [
      'a cosignature with another time',
      proof(own + later(x.cosignatureLine(body, at)) + z.cosignatureLine(body, at)),
      'the cosignature of X is not of this checkpoint',
    ],
    [
      'another log',
      proof(signCheckpoint(7, rangeRoot(edge.range), signerOf('other.example/log', generateSeed()))),
      'signed by no key of the policy',
    ],
    [
      'another key of the log',
      proof(signCheckpoint(7, rangeRoot(edge.range), signerOf('grid.example/log', generateSeed()))),
      'signed by no key of the policy',
    ],
    ['a changed checkpoint', proof(note.replace('\n7\n', '\n8\n')), 'the checkpoint is not what grid.example/log'],
    ['no first line', proof(note).slice(5), 'this is not a tlog-proof: the first line'],
    [
      'a hash of 31 bytes',
      proof(note).replace(/(index 3\n).*\n/, `$1${Buffer.alloc(31).toString('base64')}\n`),
      'a hash is not base64 of 32 bytes',
    ],
    ['nothing', '', 'this is not a tlog-proof'],
  ])('%s proves nothing, and says why', (_, text, why, entry) => {
    const result = check(text, entry)
    expect(result.ok ? 'proven' : result.why).toContain(why)
  })
  it('a checkpoint alone is accepted, or not, on the same ground', () => {
    expect(atOnce(accepts(note, read(three))).ok).toBe(true)
    expect(atOnce(accepts('hello', read(three)))).toEqual({ ok: false, why: 'there is no signed checkpoint' })
  })
})
