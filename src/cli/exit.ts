/** Exit codes. Scripts depend on them: a number is never given another meaning. */
export const exitCodes = [
  [0, 'ok'],
  [1, 'failed'],
  [2, 'usage or configuration error'],
  [3, 'check not met: the log does not verify, or what was asked was not reached'],
  [4, 'not authenticated or not allowed'],
  [5, 'not found, or in conflict with the present state'],
  [6, 'the bridge cannot be reached'],
  [130, 'interrupted'],
] as const
export type ExitCode = (typeof exitCodes)[number][0]

/** What a user is told when a command cannot do its work: one line, a code that the documentation has an anchor for, and what to try. */
export class Fault extends Error {
  readonly exit: ExitCode
  readonly code: string
  readonly hint: string
  constructor(exit: ExitCode, code: string, message: string, hint = '', cause?: unknown) {
    super(message, { cause })
    this.name = 'Fault'
    this.exit = exit
    this.code = code
    this.hint = hint
  }
}

export const faultLine = (code: string, message: string, hint: string): string =>
  `error ${code}: ${message}${hint === '' ? '' : ` (hint: ${hint})`}`
