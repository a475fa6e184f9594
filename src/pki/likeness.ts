import { X509Certificate } from "node:crypto";
import { extension, partsOf } from "./certificate.js";
import { childrenOf, der, type Element, elementsIn, readOid, sequence, tags } from "./der.js";
import type { TrialContent } from "./trial.js";

/** Where in a certificate something stands by which its bearer may be known, as refusals call it. */
export type NamePlace = "CN" | "OU" | "O" | "SPIFFE ID" | "DNS name" | "e-mail address";

/** What is to stand in a place, once for each value; `text` alone leaves it as it is. */
export type Rewrite = (place: NamePlace, text: string) => readonly string[];

const attributePlaces: Readonly<Record<string, NamePlace>> = { "2.5.4.3": "CN", "2.5.4.11": "OU", "2.5.4.10": "O" };
// GeneralName's rfc822Name, dNSName and uniformResourceIdentifier (RFC 5280, 4.2.1.6).
const alternativePlaces: Readonly<Record<number, NamePlace>> = {
  0x81: "e-mail address",
  0x82: "DNS name",
  0x86: "SPIFFE ID",
};
// PrintableString and IA5String; both write ASCII as UTF-8 does.
const textTags: ReadonlySet<number> = new Set([tags.utf8String, 0x13, 0x16]);
const alternativeNamesOid = "2.5.29.17";

/** The names in a certificate, byte for byte but for what is rewritten: to make another one like it. */
export class Likeness implements Pick<TrialContent, "subject" | "alternativeNames"> {
  /** DER of the name. */
  readonly subject: Buffer;
  /** The whole extension; undefined when there is none. */
  readonly alternativeNames: Buffer | undefined;

  private constructor(subject: Buffer, alternativeNames: Buffer | undefined) {
    this.subject = subject;
    this.alternativeNames = alternativeNames;
  }

  /** @param certificatePem of whom it is to be like; others may stand behind it */
  static of(certificatePem: string | Buffer, rewrite: Rewrite = (_place, text) => [text]): Likeness {
    const { subject, extensions } = partsOf(new X509Certificate(certificatePem));
    const names = extensions.get(alternativeNamesOid);
    const rewritten = names && childrenOf(names.value).flatMap((each) => alternativesOf(each, rewrite));
    return new Likeness(
      sequence(...childrenOf(subject).flatMap((each) => partsLike(each, rewrite))),
      rewritten && extension(alternativeNamesOid, sequence(...rewritten), names.isCritical),
    );
  }

  /** Everything that `rewrite` would be asked about. */
  static placesIn(certificatePem: string | Buffer): readonly (readonly [NamePlace, string])[] {
    const places: (readonly [NamePlace, string])[] = [];
    Likeness.of(certificatePem, (...found) => {
      places.push(found);
      return [found[1]];
    });
    return places;
  }
}

/** A part of the subject: it has several attributes only where nobody is called by them. */
function partsLike({ whole, content }: Element, rewrite: Rewrite): readonly Buffer[] {
  const [attribute, ...others] = elementsIn(content);
  const [oid, value] = attribute === undefined ? [] : elementsIn(attribute.content);
  if (oid === undefined || value === undefined || others.length > 0 || !textTags.has(value.tag)) return [whole];
  const place = attributePlaces[readOid(oid.content)];
  if (place === undefined) return [whole];
  const text = value.content.toString();
  return rewrite(place, text).map((each) =>
    each === text ? whole : der(tags.set, sequence(oid.whole, der(tags.utf8String, Buffer.from(each)))),
  );
}

function alternativesOf({ tag, whole, content }: Element, rewrite: Rewrite): readonly Buffer[] {
  const place = alternativePlaces[tag];
  if (place === undefined) return [whole];
  return rewrite(place, content.toString()).map((each) => der(tag, Buffer.from(each)));
}
