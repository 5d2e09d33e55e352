/** A key, note or checkpoint that cannot be used, or bytes that the log refuses. `code` is stable, the message is for people. */
export class AuditError extends Error {
  override readonly name = 'AuditError'
  readonly code: string
  constructor(code: string, message: string) {
    super(message)
    this.code = code
  }
}
