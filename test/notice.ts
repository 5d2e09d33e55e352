/** Nothing is left out in silence. */
export default function notice(): void {
  process.stderr.write('test/e2e (kill -9, orphaned fleets, rubbish) is not part of this run: GRIDBRIDGE_LONG=1 runs it, as CI does\n')
}
