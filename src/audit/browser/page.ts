/** The modules that the page is made of, by their paths below `src/audit`. */
export const pageModules = ['bytes', 'errors', 'steps', 'proofs', 'signed', 'policy', 'tlogProof', 'browser/app'] as const

/**
 * One file of HTML that needs no server and no network. `sourceOf` gives the compiled JavaScript of a module; each goes into an import map as a data URL,
 * so that what runs is what the product runs, not a bundle of it.
 */
export function verifierPage(sourceOf: (module: (typeof pageModules)[number]) => string): string {
  const bare = (path: string) => `gridbridge/${path.split('/').at(-1)!.replace(/\.js$/, '')}`
  const imports = pageModules.map(module => {
    const source = sourceOf(module)
      .replaceAll(/(from\s*['"])(\.[^'"]+)(['"])/g, (_, before: string, path: string, after: string) => `${before}${bare(path)}${after}`)
      .replaceAll(/^\/\/# sourceMappingURL=.*$/gm, '')
    return [bare(module), `data:text/javascript;base64,${Buffer.from(source).toString('base64')}`]
  })
  return html.replace('IMPORTS', JSON.stringify({ imports: Object.fromEntries(imports) }))
}

const html = `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; script-src 'unsafe-inline' data:; style-src 'unsafe-inline'">
<title>Check a proof</title>
<style>
  body { font: 16px/1.5 system-ui, sans-serif; max-width: 42rem; margin: 2rem auto; padding: 0 1rem; color: #222; background: #fff }
  label { display: block; margin: 1rem 0 .25rem; font-weight: 600 }
  textarea { width: 100%; height: 7rem; font: 13px/1.4 monospace; box-sizing: border-box }
  button { margin: 1rem 0; padding: .5rem 1.5rem; font: inherit }
  output { display: block; padding: 1rem; background: #eee }
  .yes { background: #d8f0d8 } .no { background: #f6d8d8 }
</style>
<h1>Was this logged?</h1>
<p>Checks on this computer alone, with no connection, that an entry is in a log. Nothing you choose leaves this page.</p>
<label for="proof">The proof (a .tlog-proof file)</label><input type="file" id="proof">
<label for="entry">The entry, byte for byte</label><input type="file" id="entry">
<label for="trust">Whom you trust: the log's key as you got it (not with the proof), or a policy with witnesses</label>
<textarea id="trust" spellcheck="false" placeholder="name+01234567+AbCd..."></textarea>
<button id="check">Check</button>
<output id="verdict">Nothing checked yet.</output>
<script type="importmap">IMPORTS</script>
<script type="module">
  import { start } from "gridbridge/app"
  start(document, crypto.subtle)
</script>
</html>
`
