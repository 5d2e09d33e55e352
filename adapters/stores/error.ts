/**
 * What a store refuses. Codes: `journal-moved` (a second engine appended; nothing was written), `journal-doubt` (a commit's fate is unknown, the
 * process must restart), `entry-too-large`, `blob-hash`, `snapshot-size`, and those of opening a file: `db-missing`, `db-in-use`, `db-newer`, `db-corrupt`, `disk-full`,
 * `key-missing`, `key-exposed`, `key-malformed`, `journal-mismatch`. `path` is the file, where there is one.
 */
export class StoreError extends Error {
  override readonly name = 'StoreError'
  readonly code: string
  readonly path: string | undefined
  constructor(code: string, message: string, path?: string, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause })
    this.code = code
    this.path = path
  }
}
