// Pieces that several messages share: eiResponse, targets, itemBase (units).

import { booleanOf, numberOf, optional } from './values.ts'
import { child, type El, maybe, NS, need, needText, type Out, out, text } from './xml.ts'

export type EiResponse = { readonly code: string; readonly description?: string | undefined; readonly requestID: string }
export const ok = (requestID: string): EiResponse => ({ code: '200', description: 'OK', requestID })

/** Some stacks leave requestID out; it is then empty, which is also what the profile sends when there is nothing to echo. */
export const responseOf = (parent: El): EiResponse => {
  const el = need(parent, 'ei', 'eiResponse')
  return {
    code: needText(el, 'ei', 'responseCode'),
    description: text(el, 'ei', 'responseDescription'),
    requestID: text(el, 'pyld', 'requestID') ?? '',
  }
}
export const outResponse = (r: EiResponse): Out =>
  out('ei:eiResponse', [out('ei:responseCode', r.code), maybe('ei:responseDescription', r.description), out('pyld:requestID', r.requestID)])

export const TARGET_KINDS = [
  'aggregatedPnode',
  'endDeviceAsset',
  'meterAsset',
  'pnode',
  'serviceArea',
  'serviceDeliveryPoint',
  'serviceLocation',
  'transportInterface',
  'groupID',
  'groupName',
  'resourceID',
  'venID',
  'partyID',
] as const
export type TargetKind = (typeof TARGET_KINDS)[number]
/** One entry of an eiTarget. `id` is the mrid, node or name; for areas the polygon's posList; for a transport interface `receipt>delivery`. */
export type WireTarget = { readonly kind: TargetKind; readonly id: string }

const isKind = (name: string): name is TargetKind => (TARGET_KINDS as readonly string[]).includes(name)

export const targetsOf = (el: El | undefined): readonly WireTarget[] =>
  (el?.children ?? []).flatMap(c =>
    isKind(c.name) && [NS.ei, NS.power, NS.emix].includes(c.ns as never) ? [{ kind: c.name, id: deepText(c) }] : [],
  )

const deepText = (el: El): string => el.text || el.children.map(deepText).filter(Boolean).join('>')

/** Children in the schema's order whatever the order given. */
export const outTargets = (name: Out['name'], targets: readonly WireTarget[]): Out =>
  out(
    name,
    TARGET_KINDS.flatMap(kind => targets.filter(t => t.kind === kind).map(outTarget)),
  )

const outTarget = ({ kind, id }: WireTarget): Out => {
  switch (kind) {
    case 'endDeviceAsset':
    case 'meterAsset':
      return out(`power:${kind}`, [out('power:mrid', id)])
    case 'aggregatedPnode':
    case 'pnode':
    case 'serviceDeliveryPoint':
      return out(`power:${kind}`, [out('power:node', id)])
    case 'serviceArea':
      return out('emix:serviceArea', [outArea(id)])
    case 'serviceLocation':
      return out('power:serviceLocation', [outArea(id)])
    case 'transportInterface': {
      const [receipt = '', delivery = ''] = id.split('>')
      return out('power:transportInterface', [out('power:pointOfReceipt', receipt), out('power:pointOfDelivery', delivery)])
    }
    case 'groupID':
    case 'groupName':
    case 'resourceID':
    case 'venID':
    case 'partyID':
      return out(`ei:${kind}`, id)
  }
}

const outArea = (posList: string): Out =>
  ['LinearRing', 'exterior', 'Polygon', 'location', 'FeatureCollection'].reduce<Out>(
    (inner, name) => out(`gml:${name}`, [inner]),
    out('gml:posList', posList),
  )

/**
 * The unit of a signal or report: `name` is the element (powerReal, voltage, currencyPerKWh, customUnit ...). Multiply by
 * the power of ten of `scale` for the base unit.
 */
export type ItemBase = {
  readonly name: string
  readonly description: string
  readonly units: string
  readonly scale: SiScale
  readonly power?: { readonly hertz: number; readonly voltage: number; readonly ac: boolean } | undefined
}
export const SI_SCALES = { p: -12, n: -9, micro: -6, m: -3, c: -2, d: -1, k: 3, M: 6, G: 9, T: 12, none: 0 } as const
export type SiScale = keyof typeof SI_SCALES

/** Watts on our side of the wire: 1.5 with scale k is 1500. */
export const scaled = (value: number, scale: SiScale): number => {
  const exponent = SI_SCALES[scale]
  return exponent < 0 ? value / 10 ** -exponent : value * 10 ** exponent
}

/** The child that stands in for emix:itemBase: in the power or oadr namespace, with itemUnits. pulseCount has no scale. */
export const itemBaseOf = (parent: El): ItemBase | undefined => {
  const el = parent.children.find(c => c.children.some(g => g.name === 'itemUnits'))
  if (!el) return undefined
  const attributes = child(el, 'power', 'powerAttributes')
  return {
    name: el.name,
    description: anyText(el, 'itemDescription'),
    units: anyText(el, 'itemUnits'),
    scale: (optional(el, 'scale', 'siScaleCode', e => (e.text in SI_SCALES ? (e.text as SiScale) : undefined)) ?? 'none') as SiScale,
    power: attributes && {
      hertz: numberOf(need(attributes, 'power', 'hertz')),
      voltage: numberOf(need(attributes, 'power', 'voltage')),
      ac: booleanOf(need(attributes, 'power', 'ac')),
    },
  }
}
const anyText = (el: El, name: string): string => el.children.find(c => c.name === name)?.text ?? ''

const POWER_ITEMS = ['voltage', 'energyApparent', 'energyReactive', 'energyReal', 'powerApparent', 'powerReactive', 'powerReal']

export const outItemBase = (b: ItemBase | undefined): Out | undefined => {
  if (!b) return undefined
  const prefix = POWER_ITEMS.includes(b.name) ? 'power' : 'oadr'
  return out(`${prefix}:${b.name}`, [
    out(`${prefix}:itemDescription`, b.description),
    out(`${prefix}:itemUnits`, b.units),
    out('scale:siScaleCode', b.scale),
    b.power &&
      out('power:powerAttributes', [out('power:hertz', b.power.hertz), out('power:voltage', b.power.voltage), out('power:ac', b.power.ac)]),
  ])
}

/** Real power in W (or k, M ...), with the attributes the schema demands. */
export const realPower = (scale: SiScale = 'none'): ItemBase => ({
  name: 'powerReal',
  description: 'RealPower',
  units: 'W',
  scale,
  power: { hertz: 50, voltage: 230, ac: true },
})

/** Real energy in Wh; energy has no attributes. */
export const realEnergy = (scale: SiScale = 'none'): ItemBase => ({ name: 'energyReal', description: 'RealEnergy', units: 'Wh', scale })
