import { type Charset, type EbcdicCharset, isEbcdic } from '@waybill/domain';

/** What each byte of IBM 037 stands for in Unicode, in hex: a rearrangement of ISO 8859-1. */
const IBM037 = [
  '000102039c09867f978d8e0b0c0d0e0f101112139d8508871819928f1c1d1e1f',
  '80818283840a171b88898a8b8c050607909116939495960498999a9b14159e1a',
  '20a0e2e4e0e1e3e5e7f1a22e3c282b7c26e9eaebe8edeeefecdf21242a293bac',
  '2d2fc2c4c0c1c3c5c7d1a62c255f3e3ff8c9cacbc8cdcecfcc603a2340273d22',
  'd8616263646566676869abbbf0fdfeb1b06a6b6c6d6e6f707172aabae6b8c6a4',
  'b57e737475767778797aa1bfd0dddeae5ea3a5b7a9a7b6bcbdbe5b5dafa8b4d7',
  '7b414243444546474849adf4f6f2f3f57d4a4b4c4d4e4f505152b9fbfcf9faff',
  '5cf7535455565758595ab2d4d6d2d3d530313233343536373839b3dbdcd9da9f',
].join('');

/** Where the national pages differ from IBM 037: byte and Unicode in hex. */
const DIFFERENCES: Partial<Record<EbcdicCharset, string>> = {
  ibm273:
    '437b 4ac4 4f21 597e 5adc 5f5e 635b 6af6 7ca7 a1df b0a2 b540 baac bb7c c0e4 cca6 d0fc dc7d e0d6 ec5c fc5d',
  ibm277:
    '477d 4a23 4f21 5aa4 5bc5 5f5e 6724 6af8 70a6 7bc6 7cd8 8040 9c7b 9e5b 9f5d a1fc b0a2 baac bb7c c0e6 d0e5 dc7e',
  ibm278:
    '437b 477d 4aa7 4f21 5160 5aa4 5bc5 5f5e 6323 6724 6af6 715c 79e9 7bc4 7cd6 9f5d a1fc b0a2 b55b baac bb7c c0e4 cca6 d0e5 dc7e e0c9 ec40',
  ibm280:
    '447b 485c 4ab0 4f21 515d 547d 587e 5ae9 5f5e 6af2 79f9 7ba3 7ca7 905b a1ec b0a2 b123 b540 baac bb7c c0e0 cda6 d0e8 dd60 e0e7',
  ibm284: '49a6 4a5b 5a5d 6923 6af1 7bd1 a1a8 b0a2 ba5e bb21 bd7e',
  ibm285: '4a24 5ba3 a1af b0a2 b15b ba5e bc7e',
  ibm297:
    '4440 485c 4ab0 4f21 517b 547d 5aa7 5f5e 6af9 79b5 7ba3 7ce0 905b a060 a1a8 b0a2 b123 b55d baac bb7c bd7e c0e9 d0e8 dda6 e0e7',
  ibm500: '4a5b 4f21 5a5d 5f5e b0a2 baac bb7c',
  ibm871:
    '4ade 4f21 5ac6 5fd6 79f0 7cd0 8c60 8e7b 9c7d 9e5d a1f6 ac40 ae5b b0a2 baac bb7c be5c c0fe cc7e d0e6 e0b4 ec5e',
  ibm1047: '5f5e ad5b b0ac badd bba8 bd5d',
};

/** The pages that have the euro sign where an older one has the currency sign, and are the same else. */
const WITH_EURO: Partial<Record<EbcdicCharset, EbcdicCharset>> = {
  ibm1140: 'ibm037',
  ibm1141: 'ibm273',
  ibm1142: 'ibm277',
  ibm1143: 'ibm278',
  ibm1144: 'ibm280',
  ibm1145: 'ibm284',
  ibm1146: 'ibm285',
  ibm1147: 'ibm297',
  ibm1148: 'ibm500',
  ibm1149: 'ibm871',
};

const NL = 0x15;
const LF = 0x25;

/**
 * What each of the 256 bytes stands for; `undefined` if `charset` is not EBCDIC. Files of mainframes end their lines
 * with NL (0x15), so that is `\n` unless `lineEnd` says LF (0x25); the other one is U+0085.
 */
export function ebcdicTable(charset: Charset, lineEnd: 'nl' | 'lf'): string | undefined {
  if (!isEbcdic(charset)) return undefined;
  const table = [...Buffer.from(IBM037, 'hex').toString('latin1')];
  const plain = WITH_EURO[charset] ?? charset;
  for (const pair of DIFFERENCES[plain]?.split(' ') ?? []) {
    const [byte = 0, character = 0] = Buffer.from(pair, 'hex');
    table[byte] = String.fromCharCode(character);
  }
  table[lineEnd === 'nl' ? NL : LF] = '\n';
  table[lineEnd === 'nl' ? LF : NL] = '\x85';
  const text = table.join('');
  return charset in WITH_EURO ? text.replace('¤', '€') : text;
}
