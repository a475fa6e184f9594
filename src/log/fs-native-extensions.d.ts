/** The two functions of fs-native-extensions that the data directory uses; the package ships no types. */
declare module "fs-native-extensions" {
  /** Takes an exclusive lock on the open file; false if another process has it. The kernel frees it when the process ends. */
  export function tryLock(fd: number): boolean;
  export function unlock(fd: number): void;
}
