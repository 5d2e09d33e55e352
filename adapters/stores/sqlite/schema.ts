/** Each element brings the schema from its index to the next version; elements are never changed once released. */
export const migrations: readonly (readonly string[])[] = [
  [
    // `hash` is the RFC 6962 leaf hash of `body` as it was appended: the root decides, this lets a verifier name the entry that was changed.
    'CREATE TABLE entry (seq INTEGER PRIMARY KEY, hash BLOB NOT NULL, body BLOB NOT NULL)',
    'CREATE TABLE blob (hash BLOB PRIMARY KEY, body BLOB NOT NULL)',
    'CREATE TABLE head (id INTEGER PRIMARY KEY CHECK (id = 1), size INTEGER NOT NULL, note TEXT NOT NULL)',
    "INSERT INTO head VALUES (1, 0, '')",
    'CREATE TABLE snapshot (size INTEGER PRIMARY KEY, range BLOB NOT NULL, hash BLOB NOT NULL, body BLOB NOT NULL)',
    // Five-minute slots first: measured at 10,000 chargers 390k rows/s, against 80k/s with the charger first; a charger's day is 288 seeks.
    // Power and register in thousandths of W and Wh; from_ms counts from the start of the slot.
    `CREATE TABLE reading (slot INTEGER NOT NULL, charger INTEGER NOT NULL, from_ms INTEGER NOT NULL, for_ms INTEGER NOT NULL,
       power_mw INTEGER, register_mwh INTEGER, quality INTEGER NOT NULL, PRIMARY KEY (slot, charger, from_ms, for_ms)) WITHOUT ROWID`,
    'CREATE TABLE reading_span (id INTEGER PRIMARY KEY CHECK (id = 1), longest_ms INTEGER NOT NULL)',
    'INSERT INTO reading_span VALUES (1, 0)',
    'CREATE TABLE node (no INTEGER PRIMARY KEY, kind TEXT NOT NULL, name TEXT NOT NULL, parent INTEGER NOT NULL)',
    'CREATE TABLE station (no INTEGER PRIMARY KEY, body TEXT NOT NULL)',
    'CREATE TABLE external_id (charger INTEGER PRIMARY KEY, id TEXT NOT NULL)',
    'CREATE TABLE alias (scheme TEXT NOT NULL, value TEXT NOT NULL, targets TEXT NOT NULL, PRIMARY KEY (scheme, value)) WITHOUT ROWID',
    'CREATE TABLE setting (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID',
  ],
  [
    // Full tiles of the log (C2SP tlog-tiles): 256 hashes each, and the root over them, which is a hash of the level above. Those of older entries
    // are made when the journal is opened.
    'CREATE TABLE tile (level INTEGER NOT NULL, n INTEGER NOT NULL, root BLOB NOT NULL, hashes BLOB NOT NULL, PRIMARY KEY (level, n))',
  ],
  [
    // Energy of 16 chargers in an hour (steps of 60 and 300 s) or a day (1800 s): mWh as int32, then flaws as uint16, little-endian.
    'CREATE TABLE rollup (step INTEGER NOT NULL, block INTEGER NOT NULL, span INTEGER NOT NULL, body BLOB NOT NULL, PRIMARY KEY (step, block, span))',
    // Hours of blocks that have had readings since they were rolled up.
    'CREATE TABLE rollup_due (hour INTEGER NOT NULL, block INTEGER NOT NULL, PRIMARY KEY (hour, block)) WITHOUT ROWID',
    'CREATE TABLE reading_kept (id INTEGER PRIMARY KEY CHECK (id = 1), from_ms INTEGER NOT NULL)',
    'INSERT INTO reading_kept VALUES (1, 0)',
    'INSERT OR IGNORE INTO rollup_due SELECT DISTINCT slot / 12, charger / 16 FROM reading',
    `CREATE TABLE session_record (charger INTEGER NOT NULL, from_ms INTEGER NOT NULL, to_ms INTEGER NOT NULL, energy_mwh INTEGER, powered_ms INTEGER NOT NULL,
       flaws INTEGER NOT NULL, PRIMARY KEY (charger, from_ms)) WITHOUT ROWID`,
    `CREATE TABLE witness (no INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, node INTEGER NOT NULL, kind TEXT NOT NULL, step_s INTEGER NOT NULL,
       unit TEXT NOT NULL, sign TEXT NOT NULL, stamp TEXT NOT NULL)`,
    `CREATE TABLE witness_reading (meter INTEGER NOT NULL, from_ms INTEGER NOT NULL, to_ms INTEGER NOT NULL, mwh INTEGER NOT NULL, received_ms INTEGER NOT NULL,
       PRIMARY KEY (meter, from_ms, to_ms)) WITHOUT ROWID`,
    // Signed values as the box sent them (OCMF and the like), for whoever has its public key.
    'CREATE TABLE signed_value (charger INTEGER NOT NULL, at_ms INTEGER NOT NULL, n INTEGER NOT NULL, body TEXT NOT NULL, PRIMARY KEY (charger, at_ms, n)) WITHOUT ROWID',
  ],
  [
    // Blobs that are stored, but named by no entry yet: gone when the journal is opened again.
    'CREATE TABLE blob_ahead (hash BLOB PRIMARY KEY) WITHOUT ROWID',
  ],
]
