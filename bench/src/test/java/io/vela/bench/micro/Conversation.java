package io.vela.bench.micro;

import static java.nio.charset.StandardCharsets.US_ASCII;

import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;

/** Messages as clients and servers send them (section 54.7), one after another. */
final class Conversation {
  private final ByteBuf bytes = Unpooled.directBuffer();

  /** One message with a text as its content. */
  Conversation message(char type, String content) {
    bytes.writeByte(type).writeInt(Integer.BYTES + content.length());
    bytes.writeBytes(content.getBytes(US_ASCII));
    return this;
  }

  /** What a driver sends to run a prepared statement once. */
  Conversation preparedSelect() {
    return message('B', "\0S_1\0\0\0\0\1\0\0\0\00212\0\0")
        .message('E', "\0\0\0\0\0")
        .message('S', "");
  }

  /** The answer to that, of one row. */
  Conversation answerOfOneRow() {
    return message('2', "").row().message('C', "SELECT 1\0").message('Z', "I");
  }

  /** A row of one column. */
  Conversation row() {
    return message('D', "\0\1\0\0\0\006123456");
  }

  /** All of it; belongs to the caller. */
  ByteBuf bytes() {
    return bytes;
  }
}
