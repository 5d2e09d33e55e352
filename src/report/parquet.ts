import { type ColumnSource, parquetWriteBuffer } from 'hyparquet-writer'
import type { Field, Table } from './tables.ts'

const types = { ts: 'TIMESTAMP', int: 'INT32', number: 'DOUBLE', text: 'STRING' } as const satisfies Record<
  Field['type'],
  ColumnSource['type']
>

/** One Parquet file: the fields in their order, all nullable, instants as timestamps (ms, UTC). The schema's name and version stand in its metadata. */
export function parquetOf({ name, fields, rows }: Table): Uint8Array {
  const columnData = fields.map((field): ColumnSource => {
    const data = Array.from({ length: rows }, (_, k) => field.at(k))
    return {
      name: field.name,
      type: types[field.type],
      nullable: true,
      data: field.type === 'ts' ? data.map(ms => (ms === null ? null : new Date(ms as number))) : data,
    }
  })
  return new Uint8Array(parquetWriteBuffer({ columnData, kvMetadata: [{ key: 'gridbridge.schema', value: `${name}-1` }] }))
}
