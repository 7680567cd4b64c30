package io.vela.proxy.wire;

import static java.nio.charset.StandardCharsets.ISO_8859_1;

import io.netty.buffer.ByteBuf;
import java.util.OptionalInt;

/**
 * Answers in an idle server's place what needs no server: the pings that {@link Pings} names, in
 * the simple protocol and in the extended one, and a bare Sync; to the byte as Postgres does, since
 * what it answers to these depends on no state. Whatever else comes is left where it is, with all
 * that it belongs to: nothing is answered in part.
 *
 * <p>One thread at a time; made for one look.
 */
public final class PingAnswers {
  private static final int HEADER = 1 + Integer.BYTES;

  /** No ping and nothing around it is longer, in bytes. */
  private static final int LONGEST = 256;

  private static final int NOT_BOUND = -2;

  private final ByteBuf in;
  private final ClientTrace trace;
  private final BackendMessages out;

  private int at;
  private OptionalInt unnamed = OptionalInt.empty();
  private boolean parsed;
  private int bound = NOT_BOUND;
  private int format;

  /** What the client wants beside. */
  public enum Rest {
    /** Nothing, or what it wants has not come whole. */
    NOTHING,
    /** Something that only a server can give. */
    SERVER,
    /** To leave. */
    GOODBYE
  }

  private enum Step {
    ON,
    /** The request is answered whole. */
    DONE,
    MORE,
    NO_PING,
    GOODBYE
  }

  private PingAnswers(ByteBuf in, ClientTrace trace, BackendMessages out) {
    this.in = in;
    this.trace = trace;
    this.out = out;
  }

  /**
   * Takes as many pings as there are and writes the answers.
   *
   * @param in from its reader index on, what the client has sent; what is answered is read
   * @param trace of the client, whose server has nothing in flight
   */
  public static Rest answer(ByteBuf in, ClientTrace trace, BackendMessages out) {
    while (true) {
      var request = new PingAnswers(in, trace, out);
      int answersBefore = out.buffer().writerIndex();
      var step = request.request();
      if (step == Step.DONE) {
        continue;
      }
      out.buffer().writerIndex(answersBefore);
      return switch (step) {
        case GOODBYE -> Rest.GOODBYE;
        case MORE -> Rest.NOTHING;
        default -> Rest.SERVER;
      };
    }
  }

  private Step request() {
    at = in.readerIndex();
    Step step;
    do {
      step = message();
    } while (step == Step.ON);
    if (step == Step.DONE) {
      in.readerIndex(at);
    }
    return step;
  }

  private Step message() {
    int available = in.writerIndex() - at;
    if (available < HEADER) {
      return Step.MORE;
    }
    byte type = in.getByte(at);
    int length = in.getInt(at + 1);
    if (type == FrontendType.TERMINATE) {
      return Step.GOODBYE;
    }
    if (length < Integer.BYTES || length > LONGEST || !isOfPings(type)) {
      return Step.NO_PING;
    }
    if (available < 1 + length) {
      return Step.MORE;
    }
    boolean first = at == in.readerIndex();
    var content = new byte[length - Integer.BYTES];
    in.getBytes(at + HEADER, content);
    at += 1 + length;
    return switch (type) {
      case FrontendType.QUERY -> first ? query(content) : Step.NO_PING;
      case FrontendType.FLUSH -> first && content.length == 0 ? Step.DONE : Step.NO_PING;
      case FrontendType.SYNC -> content.length == 0 ? sync() : Step.NO_PING;
      case FrontendType.PARSE -> parse(content);
      case FrontendType.BIND -> bind(content);
      case FrontendType.DESCRIBE -> describe(content);
      case FrontendType.EXECUTE -> execute(content);
      default -> Step.NO_PING;
    };
  }

  private static boolean isOfPings(byte type) {
    return switch (type) {
      case FrontendType.QUERY,
          FrontendType.FLUSH,
          FrontendType.SYNC,
          FrontendType.PARSE,
          FrontendType.BIND,
          FrontendType.DESCRIBE,
          FrontendType.EXECUTE ->
          true;
      default -> false;
    };
  }

  private Step query(byte[] content) {
    int end = content.length - 1;
    if (end < 0 || zero(content, 0) != end) {
      return Step.NO_PING;
    }
    var ping = trace.pings().match(content, 0, end);
    if (ping.isEmpty()) {
      return Step.NO_PING;
    }
    if (ping.getAsInt() == Pings.EMPTY) {
      out.emptyQueryResponse();
    } else {
      out.describeNumber(0).selectNumber(ping.getAsInt(), 0);
    }
    out.readyForQuery((byte) 'I');
    trace.queried(content, end);
    return Step.DONE;
  }

  private Step sync() {
    out.readyForQuery((byte) 'I');
    trace.settled();
    return Step.DONE;
  }

  private Step parse(byte[] content) {
    int end = zero(content, 1);
    // The name is empty and there are no types of parameters.
    if (content.length < 4 || content[0] != 0 || end != content.length - 3 || parsed) {
      return Step.NO_PING;
    }
    if (content[end + 1] != 0 || content[end + 2] != 0) {
      return Step.NO_PING;
    }
    unnamed = trace.pings().match(content, 1, end);
    if (unnamed.isEmpty()) {
      return Step.NO_PING;
    }
    parsed = true;
    trace.parsed(content, content.length, true);
    out.parseComplete();
    return Step.ON;
  }

  private Step bind(byte[] content) {
    int name = zero(content, 1);
    if (content.length < 2 || content[0] != 0 || name < 0) {
      return Step.NO_PING;
    }
    var statement =
        name == 1 && parsed
            ? unnamed
            : trace.pingStatement(new String(content, 1, name - 1, ISO_8859_1));
    if (statement.isEmpty() || !formats(content, name + 1)) {
      return Step.NO_PING;
    }
    bound = statement.getAsInt();
    out.bindComplete();
    return Step.ON;
  }

  /** Reads what follows the names: formats of parameters, no parameters, format of the result. */
  private boolean formats(byte[] content, int from) {
    int index = from;
    int parameterFormats = number(content, index);
    index += 2 + 2 * Math.max(0, parameterFormats);
    int parameters = number(content, index);
    int resultFormats = number(content, index + 2);
    index += 4 + 2 * Math.max(0, resultFormats);
    format = resultFormats == 1 ? number(content, index - 2) : 0;
    return parameterFormats >= 0
        && parameterFormats <= 1
        && parameters == 0
        && resultFormats >= 0
        && resultFormats <= 1
        && (format == 0 || format == 1)
        && index == content.length;
  }

  private static int number(byte[] content, int index) {
    return index + 1 < content.length && index >= 0
        ? (content[index] << Byte.SIZE) | (content[index + 1] & 0xff)
        : Integer.MIN_VALUE / 4;
  }

  private Step describe(byte[] content) {
    if (content.length != 2 || content[1] != 0) {
      return Step.NO_PING;
    }
    if (content[0] == 'S' && parsed) {
      out.noParameters();
      describe(unnamed.getAsInt(), 0);
    } else if (content[0] == 'P' && bound != NOT_BOUND) {
      describe(bound, format);
    } else {
      return Step.NO_PING;
    }
    return Step.ON;
  }

  private void describe(int ping, int inFormat) {
    if (ping == Pings.EMPTY) {
      out.noData();
    } else {
      out.describeNumber(inFormat);
    }
  }

  private Step execute(byte[] content) {
    // The unnamed portal; all rows, since Postgres suspends one that has returned its last but
    // does not know yet.
    if (content.length != 1 + Integer.BYTES || content[0] != 0 || bound == NOT_BOUND) {
      return Step.NO_PING;
    }
    if (bound == Pings.EMPTY) {
      out.emptyQueryResponse();
    } else if (content[1] == 0 && content[2] == 0 && content[3] == 0 && content[4] == 0) {
      out.selectNumber(bound, format);
    } else {
      return Step.NO_PING;
    }
    bound = NOT_BOUND;
    return Step.ON;
  }

  private static int zero(byte[] content, int from) {
    for (int i = from; i < content.length; i++) {
      if (content[i] == 0) {
        return i;
      }
    }
    return -1;
  }
}
