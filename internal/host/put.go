package host

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strings"
)

// statScript prints mode and SHA-256 of a file, or nothing where there is none.
const statScript = `f=$1
[ -f "$f" ] || exit 0
printf '%s ' "$(stat -c %a "$f")"
sha256sum <"$f"
`

// writeScript writes standard input beside the file and then puts it in the file's place, so that nobody ever reads half of it
// and a full disk leaves the old one. Standard input also ends when our side dies, so only content of the right SHA-256 takes the
// place. The script is given to sh as an argument, because standard input carries the content.
const writeScript = `set -e
umask 022
mkdir -p "$(dirname "$1")"
umask 077
t=$(mktemp "$1.slipway.XXXXXX")
trap 'rm -f "$t"' EXIT
cat >"$t"
[ "$(sha256sum <"$t" | cut -d ' ' -f 1)" = "$3" ] || { echo "the content did not arrive whole" >&2; exit 1; }
chmod "$2" "$t"
sync "$t"
mv -fT "$t" "$1"
`

// Put makes a file as wanted. It looks first and writes only what differs, so that a second run changes nothing on the host.
func (c *Conn) Put(ctx context.Context, f File) (bool, error) {
	out, err := c.Run(ctx, Script(statScript, f.Path))
	if err != nil {
		return false, fmt.Errorf("look at %s on %s: %w", f.Path, c.name, err)
	}
	if same(out.Text(), f) {
		return false, nil
	}
	if _, err := c.Run(ctx, write(f)); err != nil {
		return false, fmt.Errorf("write %s on %s: %w", f.Path, c.name, err)
	}
	return true, nil
}

// write returns the command that writes the file.
func write(f File) Command {
	return Command{
		Args:  []string{"sh", "-c", writeScript, "sh", f.Path, mode(f), sum(f)},
		Stdin: bytes.NewReader(f.Content),
		Root:  true,
	}
}

// same reports whether statScript's answer is that of the wanted file.
func same(stat string, f File) bool {
	fields := strings.Fields(stat)
	return len(fields) >= 2 && fields[0] == mode(f) && fields[1] == sum(f)
}

// sum returns the SHA-256 of the file's content as sha256sum prints it.
func sum(f File) string {
	s := sha256.Sum256(f.Content)
	return hex.EncodeToString(s[:])
}

// mode returns the file's permission bits as chmod and stat write them.
func mode(f File) string { return fmt.Sprintf("%o", f.Mode.Perm()) }
