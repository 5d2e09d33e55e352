// Fixtures that live beside the checkout and are never part of it: schemas and recorded messages. Tests that need them skip when absent.
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

const specs = fileURLToPath(new URL('../../../../shared/specs/openadr20b/', import.meta.url))
export const hasSpecs = existsSync(`${specs}oadr_20b.xsd`)
export const whySkipped = hasSpecs ? '' : ' (skipped: no ../shared/specs/openadr20b beside this checkout)'

export const samples = (): readonly { readonly file: string; readonly body: Buffer }[] =>
  !hasSpecs
    ? []
    : readdirSync(`${specs}samples`, { recursive: true, encoding: 'utf8' })
        .filter(f => f.endsWith('.xml'))
        .sort()
        .map(file => ({ file, body: readFileSync(`${specs}samples/${file}`) }))
export const sample = (file: string): Buffer => readFileSync(`${specs}samples/${file}`)

/** Complaints of the official schema about a message, [] when it is valid. Compiled once. */
export const schema = async (): Promise<(xml: string) => readonly string[]> => {
  const { XmlDocument, XsdValidator, XmlValidateError } = await import('libxml2-wasm')
  const { xmlRegisterFsInputProviders } = await import('libxml2-wasm/lib/nodejs.mjs')
  xmlRegisterFsInputProviders()
  const xsd = XmlDocument.fromBuffer(readFileSync(`${specs}oadr_20b.xsd`), { url: `${specs}oadr_20b.xsd` })
  const validator = XsdValidator.fromDoc(xsd)
  return xml => {
    const doc = XmlDocument.fromString(xml)
    try {
      validator.validate(doc)
      return []
    } catch (error) {
      if (error instanceof XmlValidateError) return error.details.map(d => d.message.trim())
      throw error
    } finally {
      doc.dispose()
    }
  }
}
