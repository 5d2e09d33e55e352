/** Bytes and their texts, with nothing that a browser does not have: what checks a proof runs there too. */

const encoder = new TextEncoder()
export const utf8 = (text: string): Uint8Array => encoder.encode(text)

export function concat(...parts: readonly Uint8Array[]): Uint8Array {
  const whole = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0))
  let at = 0
  for (const part of parts) {
    whole.set(part, at)
    at += part.length
  }
  return whole
}
export const sameBytes = (a: Uint8Array, b: Uint8Array): boolean => a.length === b.length && a.every((byte, i) => byte === b[i])

export const toHex = (bytes: Uint8Array): string => Array.from(bytes, byte => byte.toString(16).padStart(2, '0')).join('')

export const toBase64 = (bytes: Uint8Array): string => btoa(Array.from(bytes, byte => String.fromCharCode(byte)).join(''))
/** Standard base64 (RFC 4648 section 4) in its one canonical spelling; undefined for anything else. */
export function fromBase64(text: string): Uint8Array | undefined {
  if (!/^[A-Za-z0-9+/]*={0,2}$/.test(text) || text.length % 4 !== 0) return undefined
  const bytes = Uint8Array.from(atob(text), char => char.charCodeAt(0))
  return toBase64(bytes) === text ? bytes : undefined
}

/** ASCII decimal as these formats want it: no sign, no leading zero, at most 2^53 - 1. */
export function parseSize(text: string | undefined): number | undefined {
  const size = Number(text)
  return text !== undefined && /^(0|[1-9][0-9]*)$/.test(text) && Number.isSafeInteger(size) ? size : undefined
}
