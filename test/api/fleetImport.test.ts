import { beforeEach, describe, expect, test } from 'vitest'
import { fleetRows, guarded } from '../../src/operations/fleetCsv.ts'
import { ana, type Bridge, fleetCsv, startBridge } from './bridge.ts'

let b: Bridge
beforeEach(async () => {
  b = await startBridge({ fleet: false })
})
const post = (csv: string | Buffer, query = '') =>
  b.api.inject({ method: 'POST', url: `/v1/fleet/import${query}`, headers: { ...ana, 'content-type': 'text/csv' }, payload: csv })
const apply = async (csv: string, query = '') => (await post(csv, `?apply=true${query}`)).json()

describe('a dry run', () => {
  test('is the default: it counts and changes nothing', async () => {
    const size = b.journal.size()
    const answer = await post(fleetCsv)
    expect(answer.statusCode).toBe(200)
    expect(answer.json()).toMatchObject({
      applied: false,
      rows: 10,
      created: 10,
      updated: 0,
      unchanged: 0,
      rejected: 0,
      newNodes: 3,
      withoutConsent: 1,
      errors: [],
      rejectedCsv: '',
    })
    expect(b.journal.size()).toBe(size)
    expect(b.engine.registry.chargerCount()).toBe(0)
  })

  test('a DC charger is described by its power', async () => {
    await apply('external_id,feeder,current,max_power_w,programme,consent\nd,F,DC,150000,evenings,yes')
    const no = b.engine.registry.chargerByExternalId('d')!
    expect(b.engine.registry.charger(no)!.station.capabilities).toMatchObject({ current: 'DC', units: ['W'], phases: 1 })
    const { fleet } = b.engine.state()
    expect([fleet.maxW[no], fleet.minW[no]]).toEqual([150_000, 0])
    expect((await post('external_id,feeder,current,phases\nd,F,DC,3')).json().errors).toMatchObject([
      { column: 'max_power_w', code: 'missing' },
      { column: 'phases', code: 'not-for-dc' },
    ])
    await apply('external_id,current,phases,max_current_a\nd,AC,3,16')
    expect(b.engine.state().fleet.maxW[no]).toBe(11_040)
    expect(b.engine.registry.charger(no)!.station.capabilities).toMatchObject({ units: ['A', 'W'], minA: 6 })
  })

  test.each([
    ['a unit in a number', 'max_current_a', '32A', 'not-a-number', 'remove the unit: 32'],
    ['text for a number', 'phases', 'three', 'not-a-number', 'write a number such as 1'],
    ['four phases', 'phases', '4', 'out-of-range', 'is the unit right?'],
    ['millivolts', 'voltage_v', '230000', 'out-of-range', 'is the unit right?'],
    ['half a profile', 'security_profile', '1.5', 'not-whole', 'write it without decimals'],
    ['a programme that is not there', 'programme', 'mornings', 'unknown-programme', 'one of: evenings'],
    ['maybe', 'consent', 'maybe', 'unknown-value', 'one of: no, yes'],
    ['an English date', 'consent_date', '02/10/2026', 'not-a-date', 'write 2026-10-02 or 2026-10-02T09:30:00Z'],
    ['a trait nobody has', 'link_loss', 'explodes', 'unknown-value', 'one of: holds, resumes, dropsProfile'],
    ['a slash in a node', 'site', 'a/b', 'bad-characters', 'a node name has no "/": it separates the names of a path'],
    [
      'a space in an identity',
      'identity',
      'c 1',
      'bad-characters',
      'at most 48 characters, no spaces, colons or slashes: it is the end of a WebSocket URL',
    ],
    ['a power of an AC charger', 'max_power_w', '150000', 'only-for-dc', 'write DC in current, or give max_current_a'],
    ['more than the most', 'min_current_a', '40', 'above-maximum', 'exchange them?'],
  ])('names the line, the column, the value and a cure: %s', async (_, column, value, code, hint) => {
    const columns = { external_id: 'x1', feeder: 'F', max_current_a: '32', programme: 'evenings', [column]: value }
    const good = Object.keys(columns).map(c => ({ external_id: 'x0', feeder: 'F', max_current_a: '32', programme: 'evenings' })[c] ?? '')
    const csv = [Object.keys(columns), good, Object.values(columns)].map(r => r.join(',')).join('\n')
    const report = (await post(csv)).json()
    expect(report).toMatchObject({ rows: 2, created: 1, rejected: 1 })
    expect(report.errors).toEqual([{ line: 3, column, value, code, message: expect.any(String), hint }])
  })

  test('every wrong cell of a row is named at once, a password never', async () => {
    const report = (await post(`external_id,feeder,phases,password\nx,F,9,${'p'.repeat(65)}`)).json()
    expect(report.errors.map((e: { column: string; value: string }) => [e.column, e.value])).toEqual([
      ['password', '***'],
      ['phases', '9'],
    ])
  })

  test('lines are counted through quoted line breaks and empty lines', async () => {
    const report = (await post('external_id,feeder,site,phases\r\na,F,"two\r\nlines",1\r\n\r\nb,F,,7\r\n')).json()
    expect(report.errors).toMatchObject([{ line: 5, column: 'phases' }])
  })

  test.each([
    ['nothing', '', 'no-header', 'too'],
    ['no ids', 'name,feeder\na,b', 'missing-column', 'external_id'],
    ['two columns for one thing', 'external_id,amps,max_current_a\na,1,2', 'double-column', 'leave one'],
    ['a quote left open', 'external_id,feeder\n"a,F\nb,F', 'not-csv', 'quoted'],
  ])('%s is no fleet file', async (_, csv, code) => {
    const answer = await post(csv)
    expect(answer.json()).toMatchObject({ status: 400, code })
  })

  test('a file beyond the cap is refused while it comes in', async () => {
    b = await startBridge({ fleet: false, api: { maxImportBytes: 1000 } })
    const answer = await post(`external_id,feeder\n${'a,F\n'.repeat(1000)}`)
    expect(answer.json()).toMatchObject({ status: 413 })
  })
})

describe('files as people have them', () => {
  test.each([
    ['a BOM', `\ufeff${fleetCsv}`],
    ['Windows line ends', fleetCsv.replaceAll('\n', '\r\n')],
    ['semicolons', fleetCsv.replaceAll(',', ';')],
    ['tabs', fleetCsv.replaceAll(',', '\t')],
    [
      "another system's headers",
      fleetCsv.replace('external_id,gsp,feeder,phases,max_current_a', 'Charger ID,Grid Supply Point,Feeder-ID,Phases,Max Amps'),
    ],
  ])('%s', async (_, csv) => {
    expect((await post(csv)).json()).toMatchObject({ created: 10, rejected: 0 })
  })
  test('a decimal comma between semicolons', async () => {
    expect((await post('external_id;feeder;voltage_v\na;F;230,5')).json()).toMatchObject({ created: 1, rejected: 0 })
  })
  test('chunks that end anywhere', async () => {
    const bytes = new TextEncoder().encode(`\ufeff${fleetCsv.replace('BATH,', 'Bäth,')}`)
    async function* drips() {
      for (const byte of bytes) yield Uint8Array.of(byte)
    }
    const rows = []
    for await (const row of fleetRows(drips(), () => {})) rows.push(row)
    expect(rows).toHaveLength(10)
    expect(rows[0]!.cells.gsp).toBe('Bäth')
  })
})

describe('applying', () => {
  test('numbers the fleet, builds the tree, enrols, and says so in the record without a name', async () => {
    expect(await apply(fleetCsv)).toMatchObject({ applied: true, created: 10 })
    const { fleet, enrolments } = b.engine.state()
    expect([fleet.chargers, fleet.nodes]).toEqual([10, 13])
    expect(Array.from(enrolments.get('evenings')!)).toEqual([1, 1, 1, 1, 1, 1, 1, 1, 2, 0])
    expect([fleet.minW[0], fleet.maxW[0]]).toEqual([1380, 7360])
    expect(b.engine.registry.resolve('node', 'BATH/BATH-12/c7')).toHaveLength(1)
    expect(b.engine.registry.resolve('feeder', 'BATH-12')).toEqual(b.engine.registry.resolve('node', 'BATH/BATH-12'))
    const note = b.notes.find(n => n.what === 'fleetImported')
    expect(note?.about).toMatchObject({ by: 'ana', created: 10, rejected: 0, sha256: expect.any(String) })
    const leaves = b.journal.store.leaves.map(l => Buffer.from(l).toString()).join()
    expect(leaves).not.toMatch(/"c7"|BATH/)
  })

  test('the same file again changes nothing, a change updates, a new row is appended', async () => {
    await apply(fleetCsv)
    expect(await apply(fleetCsv)).toMatchObject({ created: 0, updated: 0, unchanged: 10 })
    const changed = fleetCsv.replace('c3,BATH,BATH-11,1,32', 'c3,BATH,BATH-13,1,16') + '\nc10,BATH,BATH-11,3,32,evenings,yes'
    expect(await apply(changed)).toMatchObject({ created: 1, updated: 1, unchanged: 9, newNodes: 1 })
    const { fleet } = b.engine.state()
    expect(b.engine.registry.chargerByExternalId('c10')).toBe(10)
    expect([fleet.maxW[3], fleet.maxW[10]]).toEqual([3680, 22_080])
    expect((await b.get('/v1/chargers/c3')).json().node).toBe('BATH/BATH-13/c3')
  })

  test('empty cells leave what is known', async () => {
    await apply('external_id,feeder,phases,max_current_a,password,programme,consent\na,F,3,16,secret,evenings,yes')
    expect(await apply('external_id\na')).toMatchObject({ unchanged: 1 })
    expect(await apply('external_id,max_current_a\na,32')).toMatchObject({ updated: 1 })
    const { capabilities, auth } = b.engine.registry.charger(0)!.station
    expect(capabilities).toMatchObject({ phases: 3, maxA: 32 })
    expect(auth).toEqual({ profile: 1, passwordHash: 'hash of secret' })
    expect(Array.from(b.engine.state().enrolments.get('evenings')!)).toEqual([1])
  })

  test('two EVSEs of one box are one station, and may not contradict each other', async () => {
    const head = 'external_id,identity,evse_id,feeder,phases,limits_at'
    expect(await apply(`${head}\nl,box,1,F,3,station\nr,box,2,F,3,station`)).toMatchObject({ created: 2 })
    expect(b.engine.registry.stationByIdentity('box')!.evses).toEqual([
      { charger: 0, evseId: 1 },
      { charger: 1, evseId: 2 },
    ])
    expect(Array.from(b.engine.state().fleet.limitsAtStation)).toEqual([1, 1])
    const report = await apply(`${head}\nl,box,1,F,3,\nr,box,2,F,1,\nm,box,2,F,,`)
    expect(report.errors).toMatchObject([
      { line: 3, column: 'phases', value: '1', code: 'station-conflict' },
      { line: 4, column: 'evse_id', value: '2', code: 'evse-taken', message: expect.stringContaining('is r') },
    ])
  })

  test('phases of the grid and a random delay of the box’s own are told to the plan', async () => {
    const head = 'external_id,feeder,phases,phase,own_random_delay_s'
    await apply(`${head}\na,F,1,L2,600\nb,F,3,STR,\nc,F,2,l1 l3,0\nd,F,1,,`)
    const { gridPhases, ownDelayS } = b.engine.state().fleet
    expect([...gridPhases]).toEqual([2, 7, 5, 0])
    expect([...ownDelayS]).toEqual([600, 0, 0, 0])
    expect(b.engine.registry.stationByIdentity('b')!.capabilities.gridPhases).toBe('L2L3L1')
    // a number under `phase` is how many there are, as it was before
    expect(await apply('external_id,feeder,phase\ne,F,3')).toMatchObject({ created: 1 })
    expect(b.engine.state().fleet.phases[4]).toBe(3)
    const wrong = await apply(`${head}\nf,F,1,L1L2,\ng,F,3,L1L1L2,\nh,F,1,L4,1801`)
    expect(wrong.errors).toMatchObject([
      { line: 2, column: 'phase', code: 'other-count' },
      { line: 3, column: 'phase', code: 'unknown-value' },
      { line: 4, column: 'phase', code: 'unknown-value' },
      { line: 4, column: 'own_random_delay_s', code: 'out-of-range' },
    ])
    // what was told once and is told otherwise now is told to the plan as well
    await apply(`${head}\na,F,1,L2,0`)
    expect(b.engine.state().fleet.ownDelayS[0]).toBe(0)
  })

  test('limits of nodes stand after the import, a dry run shows them, and a second import changes nothing', async () => {
    const file =
      'external_id,feeder,site,limit_kw,limit_a,programme,consent\na,F,S,44,,evenings,yes\nb,F,S,44,,evenings,yes\nc,F,,,,evenings,yes\n,F,,100.5,160|160|80,,'
    const wanted = [
      { node: 'F/S', limitW: 44_000, limitA: null, error: null },
      { node: 'F', limitW: 100_500, limitA: { L1: 160, L2: 160, L3: 80 }, error: null },
    ]
    expect((await post(file)).json()).toMatchObject({ applied: false, rejected: 0, nodeLimits: wanted })
    expect(b.engine.state().events.size).toBe(0)
    expect(await apply(file)).toMatchObject({ applied: true, created: 3, nodeLimits: wanted })
    const standing = (await b.api.inject({ url: '/v1/limits', headers: ana })).json().items
    expect(standing.map((l: { limitW: number; node: { path: string } }) => [l.node.path, l.limitW])).toEqual([
      ['F', 100_500],
      ['F/S', 44_000],
    ])
    expect(await apply(file)).toMatchObject({ unchanged: 4, nodeLimits: [] })
    // an empty cell leaves what stands
    expect(await apply('external_id,feeder,limit_kw\n,F,90')).toMatchObject({ nodeLimits: [{ node: 'F', limitW: 90_000, limitA: null }] })
    const [feeder] = (await b.api.inject({ url: '/v1/limits', headers: ana })).json().items
    expect(feeder).toMatchObject({ limitW: 90_000, limitA: { L1: 160, L2: 160, L3: 80 } })
  })

  test('a limit that is wrong is told by row, one that nobody may be used for by node', async () => {
    const head = 'external_id,feeder,limit_kw,limit_a'
    const wrong = await apply(`${head}\na,F,50,\nb,F,60,\nc,,5,\nd,F,x,\ne,F,,1|2\n,F,50,`)
    expect(wrong.errors).toMatchObject([
      { line: 3, column: 'limit_kw', value: '60', code: 'node-conflict' },
      { line: 4, column: 'limit_kw', code: 'limit-of-nothing' },
      { line: 5, column: 'limit_kw', code: 'not-a-number' },
      { line: 6, column: 'limit_a', code: 'other-count' },
    ])
    expect(wrong.nodeLimits).toMatchObject([{ node: 'F', error: expect.stringContaining('consented') }])
    expect(b.engine.registry.chargerByExternalId('a')).toBeDefined()
  })

  test('what is reached through one backend fails together, whatever its maker', async () => {
    await apply('external_id,feeder,backend\na,F,Acme Cloud\nb,F,acme cloud\nc,F,')
    const [a, other, none] = b.engine.state().fleet.group
    expect([a === other, a! > 0, none]).toEqual([true, true, 0])
  })

  test('a security profile with basic authentication needs a password, once', async () => {
    const head = 'external_id,feeder,security_profile,password'
    expect((await apply(`${head}\na,F,1,\nb,F,2,\nc,F,3,\nd,F,,`)).errors).toMatchObject([
      { line: 2, column: 'password', code: 'missing' },
      { line: 3, column: 'password', code: 'missing' },
    ])
    expect(await apply(`${head}\na,F,1,secret`)).toMatchObject({ created: 1 })
    expect(await apply(`${head}\na,F,2,`)).toMatchObject({ updated: 1, rejected: 0 })
  })

  test('a maker’s own steps are told to the plan, and to a box that comes later with others', async () => {
    const head = 'external_id,feeder,max_current_a,steps_a'
    await apply(`${head}\na,F,20,16|6|10\nb,F,32,\nc,F,20,6|10|16|40`)
    const { stepSet, stepSets, minW } = b.engine.state().fleet
    expect([...stepSet]).toEqual([1, 0, 1])
    expect(stepSets).toEqual([[1_380, 2_300, 3_680]])
    expect(minW[0]).toBe(1_380)
    expect(b.engine.registry.stationByIdentity('a')!.capabilities.stepsA).toEqual([6, 10, 16])
    expect((await apply(`${head}\nd,F,20,6|ten`)).errors).toMatchObject([{ column: 'steps_a', code: 'not-a-number' }])
  })

  test('a charger does not move to another box, a box of one can be renamed', async () => {
    await apply('external_id,identity,feeder\na,box-a,F\nb,box-b,F')
    expect((await apply('external_id,identity\na,box-b')).errors).toMatchObject([{ column: 'identity', code: 'other-station' }])
    expect(await apply('external_id,identity\na,box-c')).toMatchObject({ updated: 1 })
    expect(b.engine.registry.stationByIdentity('box-c')!.no).toBe(b.engine.registry.charger(0)!.station.no)
    expect(b.engine.registry.stationByIdentity('box-a')).toBeUndefined()
  })

  test('names of the outside find their chargers; a group grows', async () => {
    await apply('external_id,feeder,mpan,resource_id,group_id,tags\na,F,1200012345678,res-a,g1,depot|night\nb,F,,,g1,')
    await apply('external_id,feeder,group_id\nc,F,g1')
    expect(b.engine.registry.resolve('groupID', 'g1')).toEqual([0, 1, 2].map(charger => ({ kind: 'charger', charger })))
    expect(b.engine.registry.resolve('resourceID', 'res-a')).toEqual([{ kind: 'charger', charger: 0 }])
    expect(b.engine.registry.resolve('mpan', '1200012345678')).toEqual([{ kind: 'charger', charger: 0 }])
    expect(b.engine.registry.resolve('tag', 'night')).toEqual([{ kind: 'charger', charger: 0 }])
  })

  test('a consent withdrawn is an opt-out without end; given again, it ends; a driver’s own opt-out stays', async () => {
    await apply('external_id,feeder,programme,consent\na,F,evenings,yes\nb,F,evenings,yes')
    await b.send('POST', '/v1/opt-outs', { chargers: ['b'] })
    await apply('external_id,programme,consent,consent_date,consent_text\na,evenings,no,2026-10-02,v4\nb,evenings,no,,')
    expect(b.engine.state().optOuts.get(0)).toMatchObject([{ reason: 'consentWithdrawn' }])
    expect(JSON.parse(b.engine.registry.get('fleet:consent:0')!)).toEqual({ given: false, at: '2026-10-02', text: 'v4' })
    await apply('external_id,programme,consent\na,evenings,yes\nb,evenings,yes')
    expect(b.engine.state().optOuts.has(0)).toBe(false)
    expect(
      b.engine
        .state()
        .optOuts.get(1)!
        .map(o => o.reason),
    ).toContain('driver')
  })

  test('bad rows are skipped, or stop everything', async () => {
    const csv = 'external_id,feeder,phases\na,F,1\nb,F,9'
    expect(await apply(csv, '&badRows=stop')).toMatchObject({ applied: false, created: 1, rejected: 1 })
    expect(b.engine.registry.chargerCount()).toBe(0)
    expect(await apply(csv)).toMatchObject({ applied: true, created: 1, rejected: 1 })
    expect(b.engine.registry.chargerCount()).toBe(1)
  })

  test('the file of rejected rows can be mended and imported', async () => {
    const report = await apply('external_id;feeder;phases;note\n"a; 1";F;9;=cmd()\nb;F;8;x')
    expect(report.ignoredColumns).toEqual(['note'])
    const [head, first] = report.rejectedCsv.split('\r\n')
    expect(head).toBe('external_id;feeder;phases;note;error')
    const noIdentity =
      'identity: is empty, and the external_id cannot serve as an identity (at most 48 characters, no spaces, colons or slashes: it is the end of a WebSocket URL)'
    expect(first).toBe(`"a; 1";F;9;'=cmd();"${noIdentity}; phases: 9 is not from 1 to 3 (is the unit right?)"`)
    const mended = await apply(report.rejectedCsv.replace('F;9', 'F;3').replace('F;8', 'F;1'))
    expect(mended).toMatchObject({ created: 1, rejected: 1 })
    expect(mended.errors).toMatchObject([{ column: 'identity', code: 'missing' }])
  })

  test.each([['=1+1'], ['+44'], ['-1'], ['@x'], ['\tx']])('a spreadsheet will not run %s', cell => {
    expect(guarded(cell)).toBe(`'${cell}`)
  })

  test('we died between the registry and the journal: the next import completes the facts', async () => {
    b.journal.failNext('before')
    expect((await post(fleetCsv, '?apply=true')).statusCode).toBe(503)
    expect([b.engine.registry.chargerCount(), b.engine.state().fleet.chargers]).toEqual([10, 0])
    expect(await apply('external_id,feeder\nz,F')).toMatchObject({ created: 1 })
    expect(b.engine.state().fleet.chargers).toBe(11)
    expect(await apply(fleetCsv)).toMatchObject({ updated: 9, unchanged: 1 })
    expect(b.engine.state().enrolments.get('evenings')![0]).toBe(1)
  })

  test('two imports at once do not share a number', async () => {
    await Promise.all([apply('external_id,feeder\na,F'), apply('external_id,feeder\nb,F')])
    expect(new Set(['a', 'b'].map(id => b.engine.registry.chargerByExternalId(id)))).toEqual(new Set([0, 1]))
    expect(b.engine.state().fleet.chargers).toBe(2)
  })

  test('ten thousand rows', async () => {
    const rows = Array.from({ length: 10_000 }, (_, i) => `x${i},BATH,F${i % 50},1,32,evenings,yes`)
    expect(await apply(['external_id,gsp,feeder,phases,max_current_a,programme,consent', ...rows].join('\n'))).toMatchObject({
      created: 10_000,
      newNodes: 51,
    })
    expect(b.engine.state().fleet.chargers).toBe(10_000)
  })
})
