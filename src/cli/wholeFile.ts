import { closeSync, fsyncSync, openSync, renameSync, writeSync } from 'node:fs'
import { dirname } from 'node:path'

/** Writes beside and renames, so that there is the old content or the new, also after the power was cut: file and folder are synced. */
export function writeWhole(path: string, content: string | Uint8Array, mode = 0o644): void {
  replaceWith(path, content, mode)
  syncFolder(dirname(path))
}
/** The same without the folder, which the caller syncs when all that comes into it is there. */
export function replaceWith(path: string, content: string | Uint8Array, mode = 0o644): void {
  const draft = `${path}.new`
  const file = openSync(draft, 'w', mode)
  try {
    if (typeof content === 'string') writeSync(file, content)
    else for (let at = 0; at < content.length; ) at += writeSync(file, content, at)
    fsyncSync(file)
  } finally {
    closeSync(file)
  }
  renameSync(draft, path)
}
/** What was made, renamed or removed in it stays so. */
export function syncFolder(path: string): void {
  const folder = openSync(path, 'r')
  try {
    fsyncSync(folder)
  } finally {
    closeSync(folder)
  }
}
