import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import type { ChartLibrary } from './page.ts'

/** uPlot's files from where it is installed: the page carries them within. @throws where it is not installed */
export function chartLibrary(): ChartLibrary {
  const dist = dirname(createRequire(import.meta.url).resolve('uplot/dist/uPlot.iife.min.js'))
  const read = (name: string): string => readFileSync(join(dist, name), 'utf8')
  return { script: read('uPlot.iife.min.js'), style: read('uPlot.min.css') }
}
