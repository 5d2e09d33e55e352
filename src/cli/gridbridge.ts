#!/usr/bin/env node
import { explain, run } from './run.ts'

for (const stream of [process.stdout, process.stderr])
  stream.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code === 'EPIPE') process.exit(0)
    throw error
  })
/** What a full disk does not take and nobody waits for is said by the journal, and tried again: it must not end the bridge, which still lets go. */
process.on('unhandledRejection', error => {
  if ((error as { code?: string } | undefined)?.code !== 'journal-failed') throw error
})
process.on('uncaughtException', error => {
  process.exit(explain(error, process.argv, process) || 1)
})
/** A command that has something to put in order on Ctrl-C takes this over. */
const interrupted = () => process.exit(130)
process.once('SIGINT', interrupted)

process.exitCode = await run(process.argv, { stdout: process.stdout, stderr: process.stderr, env: process.env, cwd: process.cwd() })
