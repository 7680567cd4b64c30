package io.vela.proxy.auth;

import static java.nio.charset.StandardCharsets.UTF_8;

import io.netty.buffer.ByteBuf;
import io.vela.proxy.wire.PasswordMessage;
import io.vela.proxy.wire.ProtocolViolation;
import java.nio.ByteBuffer;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.HexFormat;
import java.util.Optional;

/**
 * The md5 exchange, for roles that still have such a hash (Postgres documentation, section 54.2.1,
 * AuthenticationMD5Password).
 */
public final class Md5Auth implements AuthMethod {
  private static final String PREFIX = "md5";
  private static final int HASH_LENGTH = PREFIX.length() + 32;

  private final String hash;
  private final int salt;

  /**
   * @param hash {@code rolpassword}: {@code md5} and the MD5 of password and role name, in
   *     hexadecimal
   * @param salt four random bytes
   */
  Md5Auth(String hash, int salt) {
    this.hash = hash;
    this.salt = salt;
  }

  static boolean isHash(String rolpassword) {
    return rolpassword.startsWith(PREFIX) && rolpassword.length() == HASH_LENGTH;
  }

  @Override
  public String label() {
    return "md5";
  }

  @Override
  public boolean isGuess() {
    return true;
  }

  @Override
  public AuthStep begin() {
    return new AuthStep.AskMd5(salt);
  }

  @Override
  public AuthStep answer(ByteBuf payload) throws ProtocolViolation {
    var given = PasswordMessage.parse(payload).password();
    return MessageDigest.isEqual(expected().getBytes(UTF_8), given.getBytes(UTF_8))
        ? new AuthStep.Matched(Optional.empty())
        : new AuthStep.Mismatch();
  }

  private String expected() {
    try {
      var md5 = MessageDigest.getInstance("MD5");
      md5.update(hash.substring(PREFIX.length()).getBytes(UTF_8));
      md5.update(ByteBuffer.allocate(Integer.BYTES).putInt(0, salt));
      return PREFIX + HexFormat.of().formatHex(md5.digest());
    } catch (NoSuchAlgorithmException e) {
      throw new IllegalStateException("every Java has MD5", e);
    }
  }
}
