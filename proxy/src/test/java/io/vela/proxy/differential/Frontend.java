package io.vela.proxy.differential;

import static java.nio.charset.StandardCharsets.UTF_8;

import java.io.ByteArrayOutputStream;
import java.nio.ByteBuffer;

/** Builds a stream of what clients send, byte for byte. */
final class Frontend {
  private final ByteArrayOutputStream out = new ByteArrayOutputStream();

  static byte[] startup(int version, String... parameters) {
    var body = new Frontend();
    for (var parameter : parameters) {
      body.text(parameter);
    }
    body.out.write(0);
    var bytes = body.bytes();
    return ByteBuffer.allocate(8 + bytes.length)
        .putInt(8 + bytes.length)
        .putInt(version)
        .put(bytes)
        .array();
  }

  byte[] bytes() {
    return out.toByteArray();
  }

  Frontend raw(byte[] bytes) {
    out.writeBytes(bytes);
    return this;
  }

  Frontend ints(int... values) {
    for (var value : values) {
      out.writeBytes(ByteBuffer.allocate(4).putInt(value).array());
    }
    return this;
  }

  Frontend shorts(int... values) {
    for (var value : values) {
      out.writeBytes(ByteBuffer.allocate(2).putShort((short) value).array());
    }
    return this;
  }

  Frontend text(String text) {
    out.writeBytes(text.getBytes(UTF_8));
    out.write(0);
    return this;
  }

  Frontend message(char type, byte... body) {
    out.write(type);
    return ints(4 + body.length).raw(body);
  }

  private Frontend message(char type, Frontend body) {
    return message(type, body.bytes());
  }

  Frontend query(String sql) {
    return message('Q', new Frontend().text(sql));
  }

  Frontend parse(String name, String sql) {
    return message('P', new Frontend().text(name).text(sql).shorts(0));
  }

  /** With parameters as text. */
  Frontend bind(String portal, String statement, String... values) {
    var body = new Frontend().text(portal).text(statement).shorts(0, values.length);
    for (var value : values) {
      var bytes = value.getBytes(UTF_8);
      body.ints(bytes.length).raw(bytes);
    }
    return message('B', body.shorts(0));
  }

  Frontend describe(char kind, String name) {
    return message('D', target(kind, name));
  }

  Frontend close(char kind, String name) {
    return message('C', target(kind, name));
  }

  private static Frontend target(char kind, String name) {
    var target = new Frontend();
    target.out.write(kind);
    return target.text(name);
  }

  Frontend execute(String portal, int limit) {
    return message('E', new Frontend().text(portal).ints(limit));
  }

  Frontend sync() {
    return message('S');
  }

  Frontend flush() {
    return message('H');
  }

  Frontend terminate() {
    return message('X');
  }

  Frontend copyData(String data) {
    return message('d', data.getBytes(UTF_8));
  }

  Frontend copyDone() {
    return message('c');
  }

  Frontend copyFail(String why) {
    return message('f', new Frontend().text(why));
  }

  /** With arguments and result in binary. */
  Frontend functionCall(int function, byte[]... arguments) {
    var body = new Frontend().ints(function).shorts(1, 1, arguments.length);
    for (var argument : arguments) {
      body.ints(argument.length).raw(argument);
    }
    return message('F', body.shorts(1));
  }

  static byte[] binary(int value) {
    return ByteBuffer.allocate(4).putInt(value).array();
  }
}
