/** Resolves with the name of the first SIGINT or SIGTERM and takes them from whoever had them; a second one ends the process at once. */
export function untilStopped(): { readonly stopped: Promise<NodeJS.Signals>; release(): void } {
  for (const name of ['SIGINT', 'SIGTERM'] as const) process.removeAllListeners(name)
  let first = true
  let resolve: (name: NodeJS.Signals) => void
  const stopped = new Promise<NodeJS.Signals>(r => {
    resolve = r
  })
  const on = (name: NodeJS.Signals) => {
    if (!first) process.exit(name === 'SIGINT' ? 130 : 1)
    first = false
    resolve(name)
  }
  process.on('SIGINT', on)
  process.on('SIGTERM', on)
  return {
    stopped,
    release() {
      process.off('SIGINT', on)
      process.off('SIGTERM', on)
    },
  }
}
