import type { Manifest } from './evidenceFiles.ts'

/** The instructions of a pack, for somebody who has never seen one. Plain text, wrapped. */
export function readme(
  { no, id }: Manifest['event'],
  { withoutRaw, version }: { withoutRaw?: boolean | undefined; version: string },
): string {
  return `EVIDENCE PACK: event ${id} (number ${no} of this bridge)
Made by gridbridge ${version}.

What this is
  What a grid operator asked for, what was done about it charger by charger, what
  the meters said, and what was concluded: as it stands in a log that can only
  grow, with the proofs that it stands there. Whoever has this file and the public
  key of the log can check it without us, without our database and without a
  network.

How to check it
  gridbridge audit verify THIS.zip --key audit.pub
  gridbridge audit verify THIS.zip --policy policy.txt   (asks for witnesses too)

  Take the key from somebody you trust, never from who sent you this file.
  Each line says what was checked: ok, failed, or not possible and why. The exit
  code is 3 if anything failed.
  Single entries can be checked with any tool that reads C2SP tlog-proof files:
  entries/N.json is proven by proofs/N.tlog-proof.

What is in it
  manifest.json   SHA-256 of every file, and which parts were left out and why.
                  It finds damage; it is not signed. What protects you from a
                  forger is the signed checkpoint and the proofs.
  checkpoint      the signed head of the log, with the signatures of witnesses
  entries/        the entries of the log that concern the event, byte for byte
  proofs/         for each of them, that it is in the log of that checkpoint
  blobs/          long or confidential parts of entries: 16 random bytes, then the
                  content; the entry has the SHA-256 of both together
  signal/         each message of the grid operator, as it was received
  readings/       the meter readings that each verdict stands on, as CSV (and days
                  of history or temperatures, where the baseline needs them)
  verdict/        each verdict and each later revision of it
  seed.json       what the random delays were drawn from
  report/         the report for people to read: made from the above, and from
                  report/input.json, which has what no entry says

What is checked
  - the log: the signature of the checkpoint, and that each entry is in its tree
  - the message: its bytes have the hash that was logged before anything was done
  - each command: the charger is under the event's targets, may be used, and a plan
    in the name of this event came before; each answer belongs to a command
  - chance: the key of this event had been committed to before the message came;
    key, message and the log as it stood give one seed; the log begins with that
    commitment, so there could be no other; the random delays and the control
    group are drawn again from it and compared
  - nominated baselines: the units said them, by the deadline of the ruleset
  - the verdict: made again from the readings, and the same to the last digit
  - the report: made again from the entries, each figure and the page; figures that
    no entry has are named

What it cannot show
  - Absence. A pack proves that its entries were logged, not that nothing else was:
    another event, a later revision. The whole log shows that (gridbridge audit
    verify on the log itself), and so do witnesses.
  - That the message is what the operator sent: compare signal/ with the operator's
    own copy. Signatures inside it are for whoever has the operator's keys.
  - That a meter measured right.

Personal data
  Chargers are numbers here; who they are is not in this file.${
    withoutRaw
      ? '\n  Messages as received and words of people were left out (--without-raw).'
      : ` Messages as received
  (signal/ and their blobs) can hold meter point numbers (MPAN), and notes can hold
  words of people; make the pack with --without-raw to leave them out.`
  }
  Readings and power are of single homes, by number: keep the file accordingly.
  What was erased at a person's request, or has expired, is missing, and the entry
  that says so is in the pack.
`
}
