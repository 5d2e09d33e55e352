// Reads an exported log with the Go team's own tlog (golang.org/x/mod/sumdb), which shares no line with ours: the signature of the checkpoint, every
// tile, every entry of every bundle, proofs of our making and of theirs. Their paths have the tile height in them, C2SP's do not.
package main

import (
	"bytes"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"log"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

type folder string

func (f folder) Height() int                    { return 8 }
func (f folder) SaveTiles([]tlog.Tile, [][]byte) {}
func (f folder) ReadTiles(tiles []tlog.Tile) (all [][]byte, err error) {
	for _, t := range tiles {
		data, err := os.ReadFile(filepath.Join(string(f), strings.Replace(t.Path(), "tile/8/", "tile/", 1)))
		if err != nil {
			return nil, err
		}
		all = append(all, data)
	}
	return all, nil
}

func must[T any](value T, err error) T {
	if err != nil {
		log.Fatal(err)
	}
	return value
}
func hashOf(line string) (h tlog.Hash) {
	copy(h[:], must(base64.StdEncoding.DecodeString(line)))
	return h
}

func main() {
	dir, key, proofFile, entryFile := folder(os.Args[1]), os.Args[2], os.Args[3], os.Args[4]
	verifier := must(note.NewVerifier(strings.TrimSpace(string(must(os.ReadFile(key))))))
	open := func(checkpoint []byte) tlog.Tree {
		lines := strings.Split(must(note.Open(checkpoint, note.VerifierList(verifier))).Text, "\n")
		return tlog.Tree{N: must(strconv.ParseInt(lines[1], 10, 64)), Hash: hashOf(lines[2])}
	}
	tree := open(must(os.ReadFile(filepath.Join(string(dir), "checkpoint"))))
	hashes := tlog.TileHashReader(tree, dir)

	for at := int64(0); at < tree.N; {
		tile := tlog.Tile{H: 8, L: 0, N: at / 256, W: int(min(256, tree.N-at))}
		path := strings.Replace(tile.Path(), "tile/8/0/", "tile/entries/", 1)
		bundle := must(os.ReadFile(filepath.Join(string(dir), path)))
		var indexes []int64
		var wanted []tlog.Hash
		for ; len(bundle) > 0; at++ {
			end := 2 + int(binary.BigEndian.Uint16(bundle))
			wanted = append(wanted, tlog.RecordHash(bundle[2:end]))
			indexes = append(indexes, tlog.StoredHashIndex(0, at))
			bundle = bundle[end:]
		}
		if len(wanted) != tile.W {
			log.Fatalf("%s has %d entries", path, len(wanted))
		}
		for i, hash := range must(hashes.ReadHashes(indexes)) {
			if hash != wanted[i] {
				log.Fatalf("entry %d of %s", i, path)
			}
		}
	}

	parts := strings.SplitN(string(must(os.ReadFile(proofFile))), "\n\n", 2)
	lines := strings.Split(parts[0], "\n")
	index := must(strconv.ParseInt(strings.TrimPrefix(lines[1], "index "), 10, 64))
	var ours tlog.RecordProof
	for _, line := range lines[2:] {
		ours = append(ours, hashOf(line))
	}
	proven := open([]byte(parts[1]))
	if err := tlog.CheckRecord(ours, proven.N, proven.Hash, index, tlog.RecordHash(must(os.ReadFile(entryFile)))); err != nil {
		log.Fatal(err)
	}
	theirs := must(tlog.ProveRecord(proven.N, index, hashes))
	for i := range theirs {
		if len(theirs) != len(ours) || !bytes.Equal(theirs[i][:], ours[i][:]) {
			log.Fatal("our proof is not theirs")
		}
	}
	fmt.Printf("read %d entries, proof of %d is the same\n", tree.N, index)
}

func min(a, b int64) int64 {
	if a < b {
		return a
	}
	return b
}
