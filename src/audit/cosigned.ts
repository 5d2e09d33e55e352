/** Where a store keeps the newest checkpoint that enough witnesses have cosigned, among its small values: a signed note. */
export const cosignedKey = 'audit.cosigned'
