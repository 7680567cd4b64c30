package io.vela.proxy.wire;

import io.netty.buffer.ByteBuf;
import java.security.MessageDigest;
import java.util.Arrays;

/**
 * What BackendKeyData gives to a client and CancelRequest brings back: a process id and a secret of
 * four bytes, or up to 256 from protocol 3.2 on (sections 54.2.8 and 54.7).
 */
public final class CancelKey {
  /** The longest secret that the protocol allows, in bytes. */
  public static final int MAX_SECRET_LENGTH = 256;

  private final int processId;
  private final byte[] secret;

  /**
   * Copies the secret.
   *
   * @throws IllegalArgumentException when it is empty or longer than {@link #MAX_SECRET_LENGTH}
   */
  public CancelKey(int processId, byte[] secret) {
    if (secret.length == 0 || secret.length > MAX_SECRET_LENGTH) {
      throw new IllegalArgumentException(
          "a cancel secret has 1 to " + MAX_SECRET_LENGTH + " bytes, not " + secret.length);
    }
    this.processId = processId;
    this.secret = secret.clone();
  }

  /**
   * Reads the payload of a BackendKeyData, or what follows the code of a CancelRequest.
   *
   * @throws ProtocolViolation when it is too short or too long
   */
  public static CancelKey parse(ByteBuf payload) throws ProtocolViolation {
    var reader = new PayloadReader("cancel key", payload);
    int processId = reader.readInt();
    if (reader.remaining() == 0 || reader.remaining() > MAX_SECRET_LENGTH) {
      throw ProtocolViolation.of("invalid length of cancel key");
    }
    return new CancelKey(processId, reader.readRest());
  }

  /** The process id; of a key that Vela hands out only a number. */
  public int processId() {
    return processId;
  }

  /** How many bytes the secret has. */
  public int secretLength() {
    return secret.length;
  }

  /** A copy of the secret. */
  public byte[] secret() {
    return secret.clone();
  }

  void writeTo(ByteBuf out) {
    out.writeInt(processId);
    out.writeBytes(secret);
  }

  /** Takes the same time wherever two secrets of one length differ. */
  @Override
  public boolean equals(Object other) {
    return other instanceof CancelKey key
        && key.processId == processId
        && MessageDigest.isEqual(key.secret, secret);
  }

  @Override
  public int hashCode() {
    return 31 * processId + Arrays.hashCode(secret);
  }

  /** Shows the process id and never the secret. */
  @Override
  public String toString() {
    return "CancelKey[" + processId + "]";
  }
}
