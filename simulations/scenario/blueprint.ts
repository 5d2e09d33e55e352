/** A scenario to begin with: every part is said, most of it is what one gets without saying it. */
export const newScenario = (
  name: string,
): string => `# A scenario of gridbridge sim. What is behind a '#' may be left out; docs/reference/scenario.schema.json has everything.
scenario: 1 # version of this format
name: ${JSON.stringify(name)}
about: One event in the evening for the chargers of a small town.
zone: Europe/London # all times below are on its clock
seed: 1 # everything by chance is drawn from it: the same seed is the same run
start: 2026-01-15T14:00
end: 2026-01-16T02:00

fleet:
  chargers: 200
  perSite: 4 # stations of a site, sites of a feeder and so on upwards
  perFeeder: 4
  kinds: # drawn for each charger, by weight
    - { weight: 8, phases: 1, maxA: 32, meterNoise: 0.01 }
    - { weight: 2, phases: 3, maxA: 16, onLinkLoss: resumes, sampleS: 300 }
  faults: { ignores: 0.03, rejects: 0.01, offline: 0.02 } # shares of the chargers
#  background: # other load by local hour, W; a kind of place alone is each of them
#    - { place: site, spread: 0.2, hourlyW: [300, 300, 300, 300, 300, 300, 500, 900, 900, 700, 600, 600, 700, 600, 600, 700, 1000, 1800, 1900, 1700, 1300, 1000, 700, 400] }
#  pv: [{ place: site, peakW: 4000 }]
#  meters: # half-hourly ones of sites, feeders and above: what they send stands in the report beside the chargers' sum
#    - { place: site, accuracy: 0.01, faults: { gap: 0.01 } }

cars:
  from: drawn # or dundee (real sessions that come with the project), file, acn
  share: 0.8 # of the chargers have a car
  arrival: "17:30"
  arrivalDeviationS: 7200
  stayS: 39600
  energyWh: [5000, 40000]

manners:
  tells: 0.3 # say when they leave, and what they need
  neverWakes: 0 # do not charge again after a pause
  overrides: 0.05 # take their charger back during an event

programmes: # as in gridbridge.yaml
  - { id: flex, startSpreadS: 600, endSpreadS: 600 }

events:
  - id: evening
    target: all # or a place such as feeder/3
    announced: "17:30"
    intervals:
      - { from: "18:00", forS: 3600, ask: { kind: shedShare, share: 0.5 } } # or shed, cap (totalW), keep (fraction), limitEach (limitW), off
    # changes: [{ announced: "18:20" }] # without intervals: cancelled
#  - { openadr: from-the-dno.xml, shift: "18:00", markets: [{ context: "http://dso.example/flex", programme: flex }] } # OpenADR 2.0b messages
#  - { dfs: s2223L_sum.csv, scaleKw: 200, shift: "17:00" } # half hours of the Demand Flexibility Service, as NESO publishes them

# incidents:
#   - { at: "18:10", what: offline, place: feeder/1, forS: 900 } # or reject, acceptAndIgnore, late, reconnectStorm, powerCut, backendOutage, bridgeDies
#   - { at: "18:30", what: reconnectStorm, share: 0.5, withinS: 120 } # of place, backend, model, chargers or share
# overloads:
#   - { place: feeder/0, ratingW: 60000 } # gets a cap while its load is above

thresholds: # exit code 3 where one is broken
  - evening.meteredRatio >= 0.85
  - delivered.p05 >= 0.8 # over the runs of a sweep
`
