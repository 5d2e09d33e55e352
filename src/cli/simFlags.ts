export { type Param, paramOf, seedsOf } from '../../simulations/sweep/flags.ts'
