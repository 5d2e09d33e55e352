/** What a token may do. The API refuses everything else. A file of its own: the configuration needs it, and nothing of the server. */
export const scopes = [
  'event:read',
  'event:write',
  'dispatch',
  'fleet:read',
  'fleet:write',
  'audit:read',
  'optout:write',
  'meter:write',
] as const
export type Scope = (typeof scopes)[number]
