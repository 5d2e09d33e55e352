import { rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { until } from './support/until.ts'
import { configText, freePort, insist, letter, startWorld, type World } from './support/world.ts'

describe('a second serve on the data of a running one', () => {
  let world: World
  beforeAll(async () => {
    world = await startWorld({ chargers: 10, fleet: { plugged: 1, lag: 0, reject: 0, resume: 0, ignore: 0, offline: 0 } })
  }, 120_000)
  afterAll(() => world?.close())

  test.each(['on the same ports', 'on ports of its own'])(
    '%s it is turned away, and the first carries on',
    async where => {
      const id = where.replaceAll(' ', '-')
      const ports =
        where === 'on the same ports' ? world.ports : { ocpp: await freePort(), api: await freePort(), webhook: await freePort() }
      writeFileSync(join(world.dir, 'second.yaml'), configText(ports, world.dso.callbackUrl))
      const kept = await world.keepCheckpoint(`${id}.checkpoint`)
      const second = world.start('serve', '--config', 'second.yaml', '--json')
      try {
        const ended = await second.done
        expect(ended).toMatchObject({ code: 1, stdout: '' })
        expect(ended.stderr).toMatch(/another bridge works on .*data/)
      } finally {
        second.child.kill('SIGKILL')
      }
      // The first has noticed nothing: it takes an event, its chargers obey and are freed, its log has one history.
      await insist(() => world.dso.dispatch(letter(id, { a: 8 }, { durationS: 4, windowS: 0, restoreWindowS: 0 })))
      await until(
        'all obey',
        () => world.log.limited(),
        n => n === 10,
      )
      await until(
        'all are free',
        () => world.log.limited(),
        n => n === 0,
      )
      expect(world.bridge().child.exitCode).toBeNull()
      expect(await world.verify(kept)).toMatchObject({ code: 0 })
    },
    120_000,
  )

  test('where a lock cannot be trusted, the one whose journal has moved on stops by itself', async () => {
    rmSync(join(world.dir, 'data', 'gridbridge.lock'))
    const ports = { ocpp: await freePort(), api: await freePort(), webhook: await freePort() }
    writeFileSync(join(world.dir, 'third.yaml'), configText(ports, world.dso.callbackUrl))
    const [first, third] = [world.bridge(), world.start('serve', '--config', 'third.yaml', '--json')]
    try {
      // It ends before it listens where the first has written while it was starting.
      const listens = await third.seen(/"event":"listening"/).then(
        () => true,
        () => false,
      )
      // Something to write for the first: it dies of it, so there may be no answer.
      if (listens) world.dso.dispatch(letter('third', { a: 8 }, { durationS: 4, windowS: 0, restoreWindowS: 0 })).catch(() => {})
      const { stderr, code } = await Promise.race([first.done, third.done])
      expect({ code, stderr }).toMatchObject({ code: 1, stderr: expect.stringContaining('another engine has written to it') })
    } finally {
      third.child.kill('SIGKILL')
      first.child.kill('SIGKILL')
      await Promise.all([first.done, third.done])
    }
    expect(await world.verify()).toMatchObject({ code: 0 })
    await world.serve()
  }, 120_000)

  test('after a kill the folder is free at once', async () => {
    await world.kill()
    await world.serve()
  }, 60_000)
})
