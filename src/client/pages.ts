/** Lists that come in pages. */
import { uint32 } from "./requests.js";

export interface PageOptions {
  /** Most entries in one answer, at most 1,000. Default 100. */
  readonly pageSize?: number | undefined;
}

interface Page<Item> {
  readonly items: readonly Item[];
  /** Empty on the last page. */
  readonly nextPageToken: string;
}

/** @throws RangeError for a size that is no whole number from 0 on */
export function pageRequest({ pageSize }: PageOptions): { readonly pageSize: number } {
  return { pageSize: uint32("pageSize", pageSize ?? 0) };
}

/** Every entry of every page. The next page is asked for when the one before is used up. */
export async function* allPages<Item>(
  page: (pageToken: string) => Promise<Page<Item>>,
): AsyncGenerator<Item, void, undefined> {
  let pageToken = "";
  do {
    const { items, nextPageToken } = await page(pageToken);
    yield* items;
    pageToken = nextPageToken;
  } while (pageToken !== "");
}
