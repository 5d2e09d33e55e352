/**
 * Meters whose readings are the words of s = 1664525 s + 1013904223 mod 2^32 from 12345, over 2^32, as float32: 61 days of 48 slots each, day 0 a Monday. `advance`
 * draws the next `meters` of them into `values`, meter by meter.
 */
export const LCG_DAYS = 61
export function lcgMeters(meters: number): { readonly values: Float32Array; advance(): void } {
  const values = new Float32Array(meters * LCG_DAYS * 48)
  let s = 12_345
  return {
    values,
    advance() {
      let word = s
      for (let i = 0; i < values.length; i++) {
        word = (Math.imul(1_664_525, word) + 1_013_904_223) | 0
        values[i] = (word >>> 0) / 4_294_967_296
      }
      s = word
    },
  }
}
