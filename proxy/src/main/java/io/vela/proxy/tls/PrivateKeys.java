package io.vela.proxy.tls;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.security.GeneralSecurityException;
import java.security.KeyFactory;
import java.security.PrivateKey;
import java.security.spec.InvalidKeySpecException;
import java.security.spec.PKCS8EncodedKeySpec;
import java.util.HexFormat;
import java.util.List;
import java.util.Optional;
import javax.crypto.Cipher;
import javax.crypto.EncryptedPrivateKeyInfo;
import javax.crypto.SecretKeyFactory;
import javax.crypto.spec.PBEKeySpec;

/**
 * Private keys in the forms in which PEM files hold them. The JDK reads PKCS#8 (RFC 5208) only; the
 * older ones, PKCS#1 (RFC 8017, A.1.2) and SEC 1 (RFC 5915), are the inner part of it and are
 * wrapped.
 */
final class PrivateKeys {
  private static final List<String> ALGORITHMS = List.of("RSA", "EC", "EdDSA", "RSASSA-PSS");

  /** {@code INTEGER 0}: the version of a PrivateKeyInfo. */
  private static final byte[] VERSION = HexFormat.of().parseHex("020100");

  /** The AlgorithmIdentifier of rsaEncryption, with its NULL. */
  private static final byte[] RSA = HexFormat.of().parseHex("300d06092a864886f70d0101010500");

  /** The OBJECT IDENTIFIER id-ecPublicKey. */
  private static final byte[] EC = HexFormat.of().parseHex("06072a8648ce3d0201");

  private static final int SEQUENCE = 0x30;
  private static final int OCTET_STRING = 0x04;

  /** In an ECPrivateKey the explicit tag of the curve. */
  private static final int CURVE = 0xa0;

  private PrivateKeys() {}

  /** Whether a PEM block is a key. */
  static boolean isKey(Pem.Block block) {
    return block.label().endsWith("PRIVATE KEY");
  }

  /**
   * @param password opens an encrypted key
   * @throws GeneralSecurityException when it is damaged, of an unknown kind, or the password is
   *     wrong
   */
  static PrivateKey parse(Pem.Block block, Optional<char[]> password)
      throws GeneralSecurityException, IOException {
    return switch (block.label()) {
      case "PRIVATE KEY" -> ofPkcs8(new PKCS8EncodedKeySpec(block.der()));
      case "ENCRYPTED PRIVATE KEY" ->
          decrypt(
              block.der(),
              password.orElseThrow(
                  () -> new InvalidKeySpecException("it is encrypted and no password is given")));
      case "RSA PRIVATE KEY" -> ofPkcs8(wrapped(RSA, block.der()));
      case "EC PRIVATE KEY" ->
          ofPkcs8(wrapped(element(SEQUENCE, EC, curve(block.der())), block.der()));
      default ->
          throw new InvalidKeySpecException("keys of the form " + block.label() + " are not known");
    };
  }

  private static PrivateKey decrypt(byte[] der, char[] password)
      throws GeneralSecurityException, IOException {
    var encrypted = new EncryptedPrivateKeyInfo(der);
    // For PBES2 the parameters name the algorithm; the info itself has only "PBES2".
    var parameters = encrypted.getAlgParameters();
    var name =
        encrypted.getAlgName().equals("PBES2") ? parameters.toString() : encrypted.getAlgName();
    var secret = SecretKeyFactory.getInstance(name).generateSecret(new PBEKeySpec(password));
    var cipher = Cipher.getInstance(name);
    cipher.init(Cipher.DECRYPT_MODE, secret, parameters);
    return ofPkcs8(encrypted.getKeySpec(cipher));
  }

  private static PrivateKey ofPkcs8(PKCS8EncodedKeySpec spec) throws GeneralSecurityException {
    InvalidKeySpecException last = new InvalidKeySpecException("no key");
    for (var algorithm : ALGORITHMS) {
      try {
        return KeyFactory.getInstance(algorithm).generatePrivate(spec);
      } catch (InvalidKeySpecException e) {
        last = e;
      }
    }
    throw last;
  }

  private static PKCS8EncodedKeySpec wrapped(byte[] algorithm, byte[] key) {
    return new PKCS8EncodedKeySpec(
        element(SEQUENCE, VERSION, algorithm, element(OCTET_STRING, key)));
  }

  /** The curve's identifier: the content of the element tagged 0 within the key. */
  private static byte[] curve(byte[] key) throws InvalidKeySpecException {
    try {
      int at = content(key, 0);
      while (at < key.length) {
        int from = content(key, at);
        int to = from + length(key, at);
        if ((key[at] & 0xff) == CURVE) {
          return java.util.Arrays.copyOfRange(key, from, to);
        }
        at = to;
      }
    } catch (IndexOutOfBoundsException e) {
      throw new InvalidKeySpecException("the key is damaged", e);
    }
    throw new InvalidKeySpecException("the key does not name its curve");
  }

  private static int content(byte[] der, int at) {
    int first = der[at + 1] & 0xff;
    return at + 2 + (first < 0x80 ? 0 : first & 0x7f);
  }

  private static int length(byte[] der, int at) {
    int first = der[at + 1] & 0xff;
    if (first < 0x80) {
      return first;
    }
    int length = 0;
    for (int i = 0; i < (first & 0x7f); i++) {
      length = length << 8 | (der[at + 2 + i] & 0xff);
    }
    return length;
  }

  private static byte[] element(int tag, byte[]... parts) {
    var content = new ByteArrayOutputStream();
    for (var part : parts) {
      content.writeBytes(part);
    }
    var out = new ByteArrayOutputStream();
    out.write(tag);
    int length = content.size();
    if (length < 0x80) {
      out.write(length);
    } else {
      int bytes = (Integer.SIZE - Integer.numberOfLeadingZeros(length) + 7) / Byte.SIZE;
      out.write(0x80 | bytes);
      for (int i = bytes - 1; i >= 0; i--) {
        out.write(length >>> (i * Byte.SIZE));
      }
    }
    out.writeBytes(content.toByteArray());
    return out.toByteArray();
  }
}
