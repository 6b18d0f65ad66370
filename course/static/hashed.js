// What answer.js needs in an edition for students, where a page holds hashes in place of values. The
// same stands in course/boxes.py. The hash is FNV-1a, 32 bits, of a text said a thousand times: short,
// and as slow as a reader does not notice. It keeps a number from being read, not from being guessed.
const hash = (text) => {
  let h = 0x811c9dc5;
  for (const c of text.padEnd(48).repeat(1000)) h = Math.imul(h ^ c.charCodeAt(0), 0x01000193);
  return (h >>> 0).toString(16);
};
// A number to the decimals asked for, a value of a formula to seven digits. At the edge of two
// roundings both count, on this side and on the other.
const roundings = (v, digits) => [1, -1].map((side) => {
  if (digits !== null) return (v + side * 10 ** -(digits + 4)).toFixed(digits);
  return Math.abs(v) < 1e-9 ? "0" : (v * (1 + side * 1e-10)).toExponential(6);
});
const meets = (v, hashes, salt, digits) => roundings(v, digits).some(
  (text) => hashes.split(" ").includes(hash(`${salt} ${text}`)));
