import { execFile } from "node:child_process";
import { join } from "node:path";
import { expect, test } from "vitest";

const launcher = join(import.meta.dirname, "..", "..", "bin", "aclog.cjs");

/** `aclog serve`, which may have so many files open. */
function serve(files: number, ...flags: readonly string[]): Promise<{ readonly code: unknown; readonly said: string }> {
  return new Promise((resolve) => {
    const command = `ulimit -n ${files}; exec "$0" "$@"`;
    const all = ["-c", command, process.execPath, launcher, "serve", "--data", "/nowhere", ...flags];
    execFile("/bin/sh", all, (error, _stdout, said) => resolve({ code: error?.code, said }));
  });
}

for (const files of [24, 64]) {
  test(`where it may have ${files} files open, a server says that it needs more, and how many`, async () => {
    const plain = await serve(files);
    expect(plain.code).toBe(1);
    const sentence = new RegExp(
      `^aclog: this process may have ${files} files open, .* needs 256, .*ulimit -n 20000.*\n$`,
    );
    expect(plain.said).toMatch(sentence);
    const { code, said } = await serve(files, "--json");
    expect(code).toBe(1);
    expect(JSON.parse(said)).toMatchObject({
      error: "OPERATOR_ERROR",
      message: expect.stringContaining("256") as unknown,
    });
  });
}
