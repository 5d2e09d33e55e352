import { type Html, html, jsonScript, raw } from '../../src/report/escape.ts'
import { LIMITED, type Recorded } from '../scenario/recorder.ts'

/** Wider is finer than a screen. */
const MOST_COLUMNS = 480

/** A row per charger, left to right in time: mean power of each step, and whether it held a limit in it. Drawn by `stripScript`. */
export function stripFigure(
  { strip, startS, loadW }: Recorded,
  clock: (atS: number) => Html,
  { chargers, ticks: count }: { readonly chargers: number; readonly ticks: number },
): Html {
  const minutes = Math.max(1, Math.ceil(strip.minutes.length / MOST_COLUMNS))
  const columns = Math.ceil(strip.minutes.length / minutes)
  const rows = strip.who.length
  const cells = new Uint8Array(rows * columns)
  for (let row = 0; row < rows; row++)
    for (let k = 0; k < columns; k++) cells[row * columns + k] = cellOf(strip.minutes.slice(k * minutes, (k + 1) * minutes), row)
  const every =
    rows === chargers ? 'Each row is a charger' : `Each row is a charger, one of every ${Math.ceil(chargers / rows)} of the ${chargers}`
  const ticks = Array.from({ length: count + 1 }, (_, k) => clock(startS + 60 * Math.round((k / count) * loadW.length)))
  return html`<p>${every}, in order of the network; a step is ${minutes} min.</p>
<ul class="key"><li><span class="cell" style="background:var(--line)"></span>a car that does not draw</li><li><span class="cell" style="background:var(--actual)"></span>draws, darker with power</li><li><span class="cell" style="background:var(--warn)"></span>holds a limit, darker with power</li></ul>
<canvas class="strip" width="${columns}" height="${rows}" role="img" aria-label="Power of ${rows} chargers over time"></canvas>
<div class="ticks soft">${ticks.map(t => html`<span>${t}</span>`)}</div>
<script type="application/json" id="strip">${jsonScript({ columns, rows, cells: Buffer.from(cells).toString('base64') })}</script>`
}
function cellOf(minutes: readonly Uint8Array[], row: number): number {
  let [sum, isLimited] = [0, false]
  for (const m of minutes) {
    sum += m[row]! % LIMITED
    isLimited ||= m[row]! >= LIMITED
  }
  const mean = sum / minutes.length
  return (mean > 0 && mean < 1 ? 1 : Math.round(mean)) + (isLimited ? LIMITED : 0)
}

export const stripStyle = raw(`<style>
.strip{display:block;width:100%;height:auto;min-height:160px;max-height:480px;image-rendering:pixelated;border:1px solid var(--line);background:var(--card)}
.ticks{display:flex;justify-content:space-between;font-size:.82rem}
.key .cell{width:14px;height:14px;border:1px solid var(--line)}
@media print{.strip{display:none}}
</style>`)

/** Colours of the page's style, read again when the theme changes. */
export const stripScript = `
(() => {
  const canvas = document.querySelector('canvas.strip')
  if (!canvas) return
  const { columns, rows, cells } = JSON.parse(document.getElementById('strip').textContent)
  const bytes = Uint8Array.from(atob(cells), c => c.charCodeAt(0))
  const pen = canvas.getContext('2d', { willReadFrequently: true })
  const rgb = name => {
    pen.clearRect(0, 0, 1, 1)
    pen.fillStyle = getComputedStyle(document.documentElement).getPropertyValue('--' + name).trim()
    pen.fillRect(0, 0, 1, 1)
    return pen.getImageData(0, 0, 1, 1).data
  }
  const draw = () => {
    const [card, line, power, limited] = ['card', 'line', 'actual', 'warn'].map(rgb)
    const image = pen.createImageData(columns, rows)
    bytes.forEach((cell, k) => {
      const level = cell % 128, to = cell >= 128 ? limited : power
      const share = level >= 2 ? 0.45 + 0.55 * level / 127 : cell >= 128 ? 0.35 : 0
      const from = level === 1 && cell < 128 ? line : card
      for (let c = 0; c < 3; c++) image.data[4 * k + c] = Math.round(from[c] + share * (to[c] - from[c]))
      image.data[4 * k + 3] = 255
    })
    pen.putImageData(image, 0, 0)
  }
  draw()
  matchMedia('(prefers-color-scheme: dark)').addEventListener('change', draw)
})()
`
