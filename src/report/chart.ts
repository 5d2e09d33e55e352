import type { Column } from './model.ts'

/** What the page's script draws, in steps: columns over `atS` (and the end of the last step), null where nothing is known. Colours are names of the style's variables. */
export type Chart = {
  readonly unit: 'W' | 'n'
  readonly atS: readonly number[]
  readonly lines: readonly Line[]
  /** Two lines, by index, between which the error lies. */
  readonly band: readonly [high: number, low: number] | null
  /** Shaded: when something was asked. */
  readonly shades: readonly (readonly [fromS: number, toS: number])[]
  readonly zone: string
  /** The clocks change in it: its axis says which time a clock time is of. */
  readonly isChanging?: boolean
}
export type Line = {
  readonly label: string
  readonly color: string
  readonly values: readonly (number | null)[]
  readonly dash?: readonly number[]
  readonly width?: number
}
/** Finite numbers as they are, everything else a gap: NaN would take the whole axis with it. Tenths of a watt are enough for a page. */
export const gapped = (column: Column): (number | null)[] =>
  Array.from(column as ArrayLike<number | null>, v => (v === null || !Number.isFinite(v) ? null : Math.round(v * 10) / 10))
/** With the last value once more, where its step ends. */
export const ended = <T>(values: readonly T[]): T[] => [...values, ...values.slice(-1)]

/**
 * Runs in the reader's browser, with uPlot before it and the charts as JSON in the page. Colours are read when a chart is made, so a change of theme makes
 * it anew; so does printing, which is on paper.
 */
export const script = `
(() => {
  const charts = JSON.parse(document.getElementById('charts').textContent)
  const color = name => getComputedStyle(document.documentElement).getPropertyValue('--' + name).trim()
  const scale = max => max >= 1e6 ? [1e6, 'MW'] : max >= 1e3 ? [1e3, 'kW'] : [1, 'W']
  const drawn = new Map()
  function draw(box) {
    const c = charts[box.dataset.chart]
    const width = Math.floor(box.clientWidth)
    if (!c || width < 40 || c.atS.length === 0) return
    drawn.get(box)?.destroy()
    box.textContent = ''
    const ink = color('ink'), line = color('line')
    let most = 0
    for (const l of c.lines) for (const v of l.values) if (v !== null && Math.abs(v) > most) most = Math.abs(v)
    const [by, unit] = c.unit === 'W' ? scale(most) : [1, '']
    const span = c.atS[c.atS.length - 1] - c.atS[0]
    const fine = span > 2 * 86400 ? { day: '2-digit', month: 'short' } : span < 900 ? { second: '2-digit' } : {}
    const named = { timeZoneName: 'short' }
    const clock = new Intl.DateTimeFormat('en-GB', { timeZone: c.zone, hourCycle: 'h23', hour: '2-digit', minute: '2-digit', ...fine, ...(c.isChanging ? named : {}) })
    const exact = new Intl.DateTimeFormat('en-GB', { timeZone: c.zone, hourCycle: 'h23', day: '2-digit', month: 'short', hour: '2-digit', minute: '2-digit', second: '2-digit', ...(c.zone === 'UTC' ? {} : named) })
    const number = v => v === null || v === undefined ? '\\u2013' : (v / by).toLocaleString('en-GB', { maximumSignificantDigits: 4 }).replace('-', '\\u2212') + ' ' + unit
    const axis = { stroke: ink, font: '12px system-ui, sans-serif', grid: { stroke: line, width: 1 }, ticks: { stroke: line, width: 1 } }
    // a value is the mean of the step that begins there: a gap begins where it is null, and not a step before
    const steps = uPlot.paths.stepped({ align: 1, alignGaps: 1 })
    // the last step before nothing but gaps ends where the first of them begins; the legend still says what is known there
    const ended = values => {
      const last = values.findLastIndex(v => v !== null)
      return last < 0 || last + 1 >= values.length ? values : values.with(last + 1, values[last])
    }
    const shade = u => {
      u.ctx.save()
      u.ctx.fillStyle = color('shade')
      for (const [a, z] of c.shades) {
        const l = Math.max(u.bbox.left, u.valToPos(a, 'x', true)), r = Math.min(u.bbox.left + u.bbox.width, u.valToPos(z, 'x', true))
        if (r > l) u.ctx.fillRect(l, u.bbox.top, r - l, u.bbox.height)
      }
      u.ctx.restore()
    }
    const plot = new uPlot({
      width, height: width < 500 ? 240 : 320,
      tzDate: at => uPlot.tzDate(new Date(at * 1000), c.zone),
      padding: [8, span > 2 * 86400 || c.isChanging ? 48 : 28, 0, 0],
      legend: { live: true },
      cursor: { drag: { x: false, y: false } },
      scales: { x: { time: true }, y: { range: (u, min, max) => {
        const lo = Math.min(0, min ?? 0), hi = Math.max(0, max ?? 1) || (lo < 0 ? 0 : 1)
        return [lo < 0 ? lo - (hi - lo) * 0.05 : 0, hi + (hi - lo || 1) * 0.06]
      } } },
      axes: [
        { ...axis, space: span > 2 * 86400 || c.isChanging ? 110 : 70, values: (u, at) => at.map(s => clock.format(new Date(s * 1000))) },
        { ...axis, size: 84, values: (u, at) => at.map(v => (v / by).toLocaleString('en-GB', { maximumFractionDigits: 3 }).replace('-', '\\u2212') + (unit ? ' ' + unit : '')) },
      ],
      series: [{ label: 'Time (' + c.zone + ')', value: (u, s) => s === null || s === undefined ? '' : exact.format(new Date(s * 1000)) }].concat(c.lines.map(l => ({
        label: l.label, stroke: l.color === 'none' ? 'transparent' : color(l.color), width: l.width ?? 2, dash: l.dash, points: { show: false }, spanGaps: false,
        paths: steps, value: (u, v, s, k) => number(k === null || k === undefined ? null : l.values[k]),
      }))),
      bands: c.band ? [{ series: [c.band[0] + 1, c.band[1] + 1], fill: color('band') }] : [],
      hooks: { drawClear: [shade] },
    }, [c.atS].concat(c.lines.map(l => ended(l.values))), box)
    drawn.set(box, plot)
  }
  const boxes = [...document.querySelectorAll('.plot')]
  const all = () => boxes.forEach(draw)
  all()
  const widths = new Map(boxes.map(b => [b, b.clientWidth]))
  // in the next frame: drawing here would be another change of size within the same one
  const seen = new ResizeObserver(entries => requestAnimationFrame(() => {
    for (const { target } of entries) if (widths.get(target) !== target.clientWidth) { widths.set(target, target.clientWidth); draw(target) }
  }))
  boxes.forEach(b => seen.observe(b))
  matchMedia('(prefers-color-scheme: dark)').addEventListener('change', all)
  matchMedia('print').addEventListener('change', all)
})()
`
