/** A file system of its own in a file, whose power can be cut. Needs root, loop devices, e2fsprogs and mount. */
import { mkdir, mkdtemp, rm, truncate, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { run } from "./place.mjs";

/**
 * EXT4_IOC_SHUTDOWN with EXT4_GOING_FLAGS_NOLOGFLUSH: from that moment on nothing reaches the device any more, not even
 * ext4's own journal. What the page cache has and the device has not is gone when it is unmounted. Perl is part of every
 * Debian, and this needs no compiler.
 */
const shutdown = `
  sysopen(my $place, $ARGV[0], 0) or die "open: $!";
  my $how = pack("L", 2);
  ioctl($place, 0x8004587d, $how) or die "ioctl: $!";
`;

export class Ext4 {
  /** Where it is mounted. */
  path;
  #image;
  #mounted = false;

  constructor(image, path) {
    this.#image = image;
    this.path = path;
  }

  /** @param image the file that holds it, of which only what is written takes room; `options` are mkfs.ext4's */
  static async make(image, path, { bytes, options = [] }) {
    await mkdir(path, { recursive: true });
    await writeFile(image, "");
    await truncate(image, bytes);
    await run("mkfs.ext4", ["-q", "-F", ...options, image]);
    return new Ext4(image, path);
  }

  async mount(options = []) {
    await run("mount", ["-o", ["loop", ...options].join(","), this.#image, this.path]);
    this.#mounted = true;
  }

  async cutPower() {
    await run("perl", ["-e", shutdown, this.path]);
  }

  /** Nobody may have a file open there. Safe to repeat. */
  async unmount() {
    if (!this.#mounted) return;
    await run("umount", [this.path]);
    this.#mounted = false;
  }

  async remove() {
    await this.unmount();
    await rm(this.#image, { force: true });
  }
}

/** Why none can be made here, for whoever could change it; undefined: it can. */
export async function whyNoExt4() {
  if (process.getuid() !== 0) return "only root may mount a file system: run it as root";
  for (const [program, of] of [
    ["mkfs.ext4", "e2fsprogs"],
    ["mount", "mount"],
    ["perl", "perl-base"],
  ]) {
    const isThere = await run("sh", ["-c", `command -v ${program}`]).then(
      () => true,
      () => false,
    );
    if (!isThere) return `there is no ${program}: apt-get install ${of}`;
  }
  const directory = await mkdtemp(join(tmpdir(), "aclog-ext4-"));
  try {
    const disk = await Ext4.make(join(directory, "image"), join(directory, "disk"), { bytes: 16 << 20 });
    await disk.mount();
    await disk.cutPower().finally(() => disk.unmount());
    return undefined;
  } catch (error) {
    return `no file system can be mounted from a file and shut down here: ${error.stderr?.trim() || error.message}`;
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}
