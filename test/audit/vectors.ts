import { existsSync, readFileSync } from 'node:fs'

const folder = new URL('../../../shared/vectors/', import.meta.url)
/** The published vectors lie beside the checkout and are not part of the product; without them their tests are skipped. */
export const vectorsAbsent = !existsSync(folder)
export const whyAbsent = vectorsAbsent ? ' (skipped: ../shared/vectors is not here)' : ''
export const vectors = (name: string) => JSON.parse(readFileSync(new URL(name, folder), 'utf8'))
