import { Webhook } from 'standardwebhooks'
import { expect, test } from 'vitest'
import { createAlarmNotices } from '../../src/api/alarmNotices.ts'
import { gridEvent, startBridge } from './bridge.ts'

const secret = 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw'
test.each([
  ['at the first try', [204], 1],
  ['at the third, after a failure and a refusal', [0, 500, 204], 3],
  ['never, to one who is gone', [410, 204], 1],
])('an emergency beyond routine is told, signed: %s', async (_, statuses, tries) => {
  const b = await startBridge({ programme: { startSpreadS: 600 } })
  const seen: { headers: Record<string, string>; body: string }[] = []
  const notices = createAlarmNotices({
    engine: b.engine,
    endpoints: [{ url: 'https://cpo.example/hook', secret }],
    async fetch(_url, { headers, body }) {
      seen.push({ headers, body })
      const status = statuses[seen.length - 1]!
      if (status === 0) throw new Error('refused')
      return { status }
    },
    wait: async () => undefined,
  })
  const { event, raw } = gridEvent(0, b.engine.now(), { class: 'emergency' })
  await b.engine.bridge.submit(event, raw)
  await notices.idle()
  expect(seen).toHaveLength(tries)
  const { headers, body } = seen[0]!
  expect(JSON.parse(body)).toMatchObject({ type: 'emergency.alarm', data: { what: 'beyondRoutine', event: event.id, rules: ['ramp'] } })
  const at = new Date(Number(headers['webhook-timestamp']) * 1000)
  expect(headers['webhook-signature']).toBe(new Webhook(secret).sign(headers['webhook-id']!, at, body))
})
