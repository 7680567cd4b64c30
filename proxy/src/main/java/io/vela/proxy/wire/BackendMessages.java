package io.vela.proxy.wire;

import static java.nio.charset.StandardCharsets.ISO_8859_1;
import static java.nio.charset.StandardCharsets.UTF_8;

import io.netty.buffer.ByteBuf;
import io.netty.buffer.ByteBufAllocator;
import java.util.List;

/**
 * Writes what a server sends, one message after another into one buffer (section 54.7). Whoever
 * takes {@link #buffer()} owns it.
 */
public final class BackendMessages {
  private static final int AUTHENTICATION_OK = 0;
  private static final int AUTHENTICATION_CLEARTEXT_PASSWORD = 3;
  private static final int AUTHENTICATION_MD5_PASSWORD = 5;
  private static final int AUTHENTICATION_SASL = 10;
  private static final int AUTHENTICATION_SASL_CONTINUE = 11;
  private static final int AUTHENTICATION_SASL_FINAL = 12;

  /** The type's OID (src/include/catalog/pg_type.dat). */
  private static final int INT4 = 23;

  private final ByteBuf out;
  private final MessageWriter writer;

  /** Writes into a new buffer. */
  public BackendMessages(ByteBufAllocator allocator) {
    out = allocator.buffer();
    writer = new MessageWriter(out);
  }

  /** All that has been written; belongs to the caller. */
  public ByteBuf buffer() {
    return out;
  }

  /** The client is who it says. */
  public BackendMessages authenticationOk() {
    return authentication(AUTHENTICATION_OK, new byte[0]);
  }

  /** Asks for the password as it is. */
  public BackendMessages authenticationCleartextPassword() {
    return authentication(AUTHENTICATION_CLEARTEXT_PASSWORD, new byte[0]);
  }

  /**
   * Asks for the password as MD5.
   *
   * @param salt four bytes
   */
  public BackendMessages authenticationMd5Password(byte[] salt) {
    if (salt.length != 4) {
      throw new IllegalArgumentException("an MD5 salt has 4 bytes, not " + salt.length);
    }
    return authentication(AUTHENTICATION_MD5_PASSWORD, salt);
  }

  /** Offers SASL mechanisms, the preferred first. */
  public BackendMessages authenticationSasl(List<String> mechanisms) {
    writer.begin(BackendType.AUTHENTICATION).writeInt(AUTHENTICATION_SASL);
    mechanisms.forEach(writer::writeString);
    return end(writer.writeByte(0));
  }

  /** The server-first-message of SCRAM (RFC 5802). */
  public BackendMessages authenticationSaslContinue(String serverFirst) {
    return authentication(AUTHENTICATION_SASL_CONTINUE, serverFirst.getBytes(UTF_8));
  }

  /** The server-final-message of SCRAM (RFC 5802). */
  public BackendMessages authenticationSaslFinal(String serverFinal) {
    return authentication(AUTHENTICATION_SASL_FINAL, serverFinal.getBytes(UTF_8));
  }

  /** An ErrorResponse. */
  public BackendMessages error(ErrorMessage error) {
    return report(BackendType.ERROR_RESPONSE, error.severity().name(), error);
  }

  /** An error as protocols 1.0 and 2.0 have it: severity and message in one string, no length. */
  public BackendMessages errorOfOldProtocol(ErrorMessage error) {
    writer
        .writeByte(BackendType.ERROR_RESPONSE)
        .writeString(error.severity() + ":  " + error.message() + "\n");
    return this;
  }

  /**
   * A NoticeResponse.
   *
   * @param severity WARNING, NOTICE, DEBUG, INFO or LOG
   * @param notice its severity is not used
   */
  public BackendMessages notice(String severity, ErrorMessage notice) {
    return report(BackendType.NOTICE_RESPONSE, severity, notice);
  }

  /** The value of a run-time parameter. */
  public BackendMessages parameterStatus(String name, String value) {
    return end(writer.begin(BackendType.PARAMETER_STATUS).writeString(name).writeString(value));
  }

  /** The same with bytes as ISO 8859-1, whatever the client's encoding. */
  public BackendMessages parameterStatusBytes(String name, String value) {
    writer.begin(BackendType.PARAMETER_STATUS).writeBytes(name.getBytes(ISO_8859_1)).writeByte(0);
    return end(writer.writeBytes(value.getBytes(ISO_8859_1)).writeByte(0));
  }

  /** The key with which the client may cancel. */
  public BackendMessages backendKeyData(CancelKey key) {
    return end(writer.begin(BackendType.BACKEND_KEY_DATA).writeKey(key));
  }

  /**
   * The server waits for the next query.
   *
   * @param status {@code I} idle, {@code T} in a transaction, {@code E} in a failed one
   */
  public BackendMessages readyForQuery(byte status) {
    return end(writer.begin(BackendType.READY_FOR_QUERY).writeByte(status));
  }

  /**
   * The version that is spoken instead of a newer one, and what was not understood. Goes before any
   * Authentication message. The version has its major in the upper 16 bits: that is what Postgres
   * sends and libpq expects, while section 54.7 speaks of the minor version only.
   */
  public BackendMessages negotiateProtocolVersion(Negotiation negotiation) {
    writer
        .begin(BackendType.NEGOTIATE_PROTOCOL_VERSION)
        .writeInt(negotiation.version())
        .writeInt(negotiation.unknownOptions().size());
    negotiation.unknownOptions().forEach(writer::writeString);
    return end(writer);
  }

  /** A message that says only that something is done. */
  private BackendMessages bare(byte type) {
    return end(writer.begin(type));
  }

  /** A statement is prepared. */
  public BackendMessages parseComplete() {
    return bare(BackendType.PARSE_COMPLETE);
  }

  /** A portal is made. */
  public BackendMessages bindComplete() {
    return bare(BackendType.BIND_COMPLETE);
  }

  /** A statement returns no rows. */
  public BackendMessages noData() {
    return bare(BackendType.NO_DATA);
  }

  /** There was nothing to execute. */
  public BackendMessages emptyQueryResponse() {
    return bare(BackendType.EMPTY_QUERY_RESPONSE);
  }

  /** A statement has no parameters. */
  public BackendMessages noParameters() {
    return end(writer.begin(BackendType.PARAMETER_DESCRIPTION).writeShort(0));
  }

  /**
   * The one column of {@code SELECT} of a number.
   *
   * @param format 0 for text, 1 for binary
   */
  public BackendMessages describeNumber(int format) {
    writer.begin(BackendType.ROW_DESCRIPTION).writeShort(1).writeString("?column?");
    writer.writeInt(0).writeShort(0).writeInt(INT4).writeShort(Integer.BYTES).writeInt(-1);
    return end(writer.writeShort(format));
  }

  /**
   * The one row of {@code SELECT} of a number.
   *
   * @param format 0 for text, 1 for binary
   */
  public BackendMessages selectNumber(int number, int format) {
    writer.begin(BackendType.DATA_ROW).writeShort(1);
    if (format == 0) {
      var digits = Integer.toString(number).getBytes(UTF_8);
      writer.writeInt(digits.length).writeBytes(digits);
    } else {
      writer.writeInt(Integer.BYTES).writeInt(number);
    }
    end(writer);
    return end(writer.begin(BackendType.COMMAND_COMPLETE).writeString("SELECT 1"));
  }

  private BackendMessages authentication(int code, byte[] data) {
    return end(writer.begin(BackendType.AUTHENTICATION).writeInt(code).writeBytes(data));
  }

  private BackendMessages report(byte type, String severity, ErrorMessage message) {
    writer.begin(type);
    field('S', severity);
    field('V', severity);
    field('C', message.state().code());
    field('M', message.message());
    if (!message.detail().isEmpty()) {
      field('D', message.detail());
    }
    if (!message.hint().isEmpty()) {
      field('H', message.hint());
    }
    return end(writer.writeByte(0));
  }

  private void field(char type, String value) {
    // The text may quote what a client sent; a zero in it must not end the field early.
    writer.writeByte(type).writeString(value.replace('\0', '\uFFFD'));
  }

  private BackendMessages end(MessageWriter message) {
    message.end();
    return this;
  }
}
