import { unzipSync } from 'fflate'
import type { Files } from './evidenceFiles.ts'

/** The most that a pack may unpack to, and how many times its own size once that is more than a little. */
const MOST_BYTES = 4 * 2 ** 30
const MOST_TIMES = 250
const LITTLE_BYTES = 256 * 2 ** 20

class Refused extends Error {}
const isPlain = (name: string): boolean => name.split('/').every(part => /^[A-Za-z0-9][A-Za-z0-9._-]*$/.test(part))

/** The files of a pack, or why it cannot be opened: also where two programs could unpack it to different files, or it unpacks to no end. */
export function unpacked(zip: Uint8Array): Files | string {
  const seen = new Set<string>()
  const most = Math.min(MOST_BYTES, Math.max(LITTLE_BYTES, zip.length * MOST_TIMES))
  let bytes = 0
  try {
    return unzipSync(zip, {
      filter: ({ name, originalSize }) => {
        // folders, which some programs write
        if (name.endsWith('/') && originalSize === 0) return false
        if (!isPlain(name)) throw new Refused(`it has a file of the name ${JSON.stringify(name)}, and no pack has`)
        const folded = name.toLowerCase()
        if (seen.has(folded)) throw new Refused(`it has two files of the name ${name}`)
        seen.add(folded)
        bytes += originalSize
        if (bytes > most) throw new Refused(`it unpacks to more than ${most} bytes at ${name}`)
        return true
      },
    })
  } catch (error) {
    if (error instanceof Refused) return error.message
    return `this is not a whole zip file: ${error instanceof Error ? error.message : String(error)}`
  }
}
