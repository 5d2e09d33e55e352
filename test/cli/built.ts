import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { rmSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

const root = fileURLToPath(new URL('../../', import.meta.url))
const outDir = `${root}dist/.test-${process.pid}`

/** Compiles the product into a folder of this process's own, so that tests run what users run and nobody else's build is in the way. */
export function build(): { bin: string; remove(): void } {
  const tsc = `${root}node_modules/typescript/bin/tsc`
  execFileSync(process.execPath, [tsc, '-p', 'tsconfig.build.json', '--noCheck', '--sourceMap', 'false', '--outDir', outDir], { cwd: root })
  return { bin: `${outDir}/src/cli/gridbridge.js`, remove: () => rmSync(outDir, { recursive: true, force: true }) }
}

export type Ran = { code: number | null; signal: NodeJS.Signals | null; stdout: string; stderr: string }
export type Running = {
  child: ChildProcess
  done: Promise<Ran>
  seen(pattern: RegExp): Promise<RegExpExecArray>
  stdout(): string
  stderr(): string
}

const clean = Object.fromEntries(
  Object.entries(process.env).filter(([k]) => !k.startsWith('GRIDBRIDGE_') && k !== 'NO_COLOR' && k !== 'FORCE_COLOR'),
)

export function start(bin: string, args: readonly string[], options: { cwd: string; env?: Record<string, string> }): Running {
  const child = spawn(process.execPath, [bin, ...args], {
    cwd: options.cwd,
    env: { ...clean, HOME: options.cwd, ...options.env },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let [stdout, stderr] = ['', '']
  const watchers = new Set<() => void>()
  const take = (text: string, to: 'out' | 'err') => {
    if (to === 'out') stdout += text
    else stderr += text
    for (const w of watchers) w()
  }
  child.stdout!.setEncoding('utf8').on('data', (t: string) => take(t, 'out'))
  child.stderr!.setEncoding('utf8').on('data', (t: string) => take(t, 'err'))
  const done = new Promise<Ran>(resolve => child.on('close', (code, signal) => resolve({ code, signal, stdout, stderr })))
  return {
    child,
    done,
    stdout: () => stdout,
    stderr: () => stderr,
    /** The first match in what it has said so far or will say; rejects if it ends without. */
    seen: pattern =>
      new Promise((resolve, reject) => {
        const look = () => {
          const found = pattern.exec(`${stdout}\n${stderr}`)
          if (!found) return
          watchers.delete(look)
          resolve(found)
        }
        watchers.add(look)
        look()
        void done.then(r => reject(new Error(`ended with ${r.code} before ${pattern}:\n${r.stdout}\n${r.stderr}`)))
      }),
  }
}
export const run = (bin: string, args: readonly string[], options: { cwd: string; env?: Record<string, string> }): Promise<Ran> =>
  start(bin, args, options).done
