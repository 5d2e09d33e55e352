/** What is tried: a place in the scenario, and its values as they were written. */
export type Param = { readonly name: string; readonly values: readonly string[] }
/** `NAME=VALUE,VALUE`. A value is read as YAML: `600`, `0.5`, `true`, `proRata`. @throws RangeError */
export function paramOf(text: string): Param {
  const [, name, values] = /^([\w.*-]+)=(.+)$/.exec(text) ?? []
  if (name === undefined) throw new RangeError(`${text}: wanted NAME=VALUE,VALUE, such as spread=0,300,600`)
  const list = values!.split(',').map(v => v.trim())
  if (new Set(list).size !== list.length || list.includes('')) throw new RangeError(`${text}: a value is missing or there twice`)
  return { name, values: list }
}
/** `1..200`, `7`, `1,2,5..9`. @throws RangeError */
export function seedsOf(text: string): number[] {
  const seeds = text.split(',').flatMap(part => {
    const [, from, to = from] = /^(\d{1,9})(?:\.\.(\d{1,9}))?$/.exec(part.trim()) ?? []
    if (from === undefined || Number(to) < Number(from) || Number(to) - Number(from) > 1_000_000)
      throw new RangeError(`${text}: wanted seeds such as 1..200, or 1,2,5`)
    return Array.from({ length: Number(to) - Number(from) + 1 }, (_, k) => Number(from) + k)
  })
  return [...new Set(seeds)]
}
