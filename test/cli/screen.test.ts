import pc from 'picocolors'
import { describe, expect, test } from 'vitest'
import { bar, createScreen, plainLine, render, sparkline, type View } from '../../src/cli/screen.ts'

const plain = pc.createColors(false)
const holding: View = {
  phase: 'holding',
  elapsedS: 44.2,
  chargers: 200,
  online: 188,
  event: { id: 'demo-1', ask: 'shed 300 kW', toStartS: -16, toEndS: 14, toFreeS: 26, durationS: 30 },
  measuredW: 610_000,
  baselineW: 900_000,
  targetW: 600_000,
  unmetered: 3,
  commanded: 170,
  answered: 158,
  silent: 9,
  refused: 3,
  inDelay: 0,
  spreadS: 12,
  history: [900_000, 905_000, null, 700_000, 610_000],
}

describe('the live screen', () => {
  test('while holding', () => {
    expect(`\n${render(holding, 80, plain)}`).toBe(`
gridbridge demo  0:45  holding the target
  event     demo-1: shed 300 kW, 0:14 left
  before       900 kW  ██████████████████████████████████████████████
  target       600 kW  ██████████████████████████████░░░░░░░░░░░░░░░░
  measured     610 kW  ███████████████████████████████░░░░░░░░░░░░░░░  met
  trend                ██·▆▅
  chargers  188 of 200 online, 3 without fresh reading
  limits    158 of 170 answered, ▲ 9 silent, 3 refused
  delay     0 still in random delay (window 12 s)
  progress  [███████████████████████░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░] 38 %
`)
  })
  test('a missed target is said in words, not by colour alone', () => {
    expect(render({ ...holding, measuredW: 800_000 }, 80, plain)).toContain('▲ above target')
  })
  test('what is not known is said to be unknown, never drawn as zero', () => {
    const text = render({ ...holding, measuredW: null, phase: 'starting', event: null }, 80, plain)
    expect(text).toMatch(/measured {4}unknown$/m)
    expect(text).toContain('event     none yet')
  })
  test('before the start no progress is claimed', () => {
    expect(render({ ...holding, event: { ...holding.event!, toStartS: 5 } }, 80, plain)).toContain('] 0 %')
  })
})

test.each([
  [0, '░░░░'],
  [0.5, '██░░'],
  [1, '████'],
  [7, '████'],
  [-1, '░░░░'],
])('a bar of %d', (share, text) => expect(bar(share, 4)).toBe(text))

test('a gap in the trend is a dot', () => expect(sparkline([0, null, 4, 8], 8, 3)).toBe('·▄█'))

test('one plain line for logs', () => {
  expect(plainLine(holding)).toBe(
    '[0:45] holding the target; measured 610 kW (target 600 kW, met); 188/200 online; 158/170 answered; 9 silent; 3 refused; 0 in random delay; 0:14 left',
  )
})

describe('where it is shown', () => {
  const recorder = (live: boolean) => {
    const said: string[] = []
    return {
      said,
      screen: createScreen({ live, columns: 80, color: plain, raw: t => void said.push(t), note: t => void said.push(`${t}\n`) }, 5),
    }
  }
  test('a pipe gets a line at each phase and every five seconds, and no escape codes', () => {
    const { said, screen } = recorder(false)
    for (const elapsedS of [0, 1, 4, 5, 6, 10]) screen.show({ ...holding, elapsedS })
    screen.show({ ...holding, elapsedS: 11, phase: 'restoring' })
    expect(said.map(s => s.slice(0, 6))).toEqual(['[0:00]', '[0:05]', '[0:10]', '[0:11]'])
    expect(said.join('')).not.toContain('\u001b')
  })
  test('a terminal is redrawn in place', () => {
    const { said, screen } = recorder(true)
    screen.show(holding)
    screen.show(holding)
    expect(said[0]).not.toContain('\u001b')
    expect(said[1]!.startsWith('\u001b[10A\u001b[0J')).toBe(true)
  })
})
