"""Small networks and what they give, by ONNX's own reference evaluator.

    pip install onnx && python make_onnx.py        writes onnx/NAME.onnx and onnx/expected.json
"""
import json
import os

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper
from onnx.reference import ReferenceEvaluator

HERE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "onnx")
rng = np.random.default_rng(7)
expected = {}

def weights(*shape):
    return (rng.normal(size=shape) * 0.5).astype(np.float32)

def save(name, nodes, constants, inputs, outputs, opset=18):
    """`inputs`: name -> (declared shape, array); every output is kept."""
    infos = [helper.make_tensor_value_info(n, TensorProto.FLOAT, shape) for n, (shape, _) in inputs.items()]
    results = [helper.make_tensor_value_info(n, TensorProto.FLOAT, None) for n in outputs]
    initial = [numpy_helper.from_array(np.asarray(a), n) for n, a in constants.items()]
    graph = helper.make_graph(nodes, name, infos, results, initial)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)])
    model.ir_version = 9
    onnx.save(model, os.path.join(HERE, name + ".onnx"))
    feed = {n: a.astype(np.float32) for n, (_, a) in inputs.items()}
    values = ReferenceEvaluator(model).run(None, feed)
    expected[name] = {
        "inputs": [a.astype(float).tolist() for _, a in inputs.values()],
        "outputs": [np.asarray(v).astype(float).tolist() for v in values],
    }

def node(op, inputs, outputs, **attributes):
    return helper.make_node(op, inputs, outputs, name=(outputs[0] + "_" + op).lower(), **attributes)

x4 = rng.normal(size=(3, 4))
save("mlp", [node("Gemm", ["x", "W1", "b1"], ["h"], transB=1), node("Relu", ["h"], ["a"]),
             node("Gemm", ["a", "W2", "b2"], ["y"], alpha=0.5, beta=2.0)],
     {"W1": weights(8, 4), "b1": weights(8), "W2": weights(8, 2), "b2": weights(2)}, {"x": (["batch", 4], x4)}, ["y"])

ops = ["Sigmoid", "Tanh", "Softplus", "Softsign", "Elu", "Celu", "Selu", "LeakyRelu", "HardSigmoid", "HardSwish", "Mish",
       "Exp", "Erf", "Abs", "Neg", "Sign", "Floor", "Ceil", "Round", "Sin", "Cos", "Identity"]
save("activations", [node(op, ["x"], ["y%d" % k]) for k, op in enumerate(ops)], {}, {"x": ([3, 4], x4)},
     ["y%d" % k for k in range(len(ops))])
save("gelu", [node("Gelu", ["x"], ["y"]), node("Gelu", ["x"], ["t"], approximate="tanh")], {}, {"x": ([3, 4], x4)},
     ["y", "t"], opset=20)

i64 = lambda *v: np.array(v, dtype=np.int64)
save("forms", [
    node("Transpose", ["x"], ["t"], perm=[1, 2, 0]), node("Reshape", ["x", "shape"], ["r"]),
    node("Flatten", ["x"], ["f"]), node("Unsqueeze", ["x", "axes"], ["u"]), node("Squeeze", ["u", "axes"], ["s"]),
    node("Concat", ["x", "s"], ["c"], axis=1), node("Slice", ["x", "starts", "ends", "saxes", "steps"], ["sl"]),
    node("Gather", ["x", "rows"], ["g"], axis=2), node("Split", ["x", "lengths"], ["p1", "p2"], axis=2),
    node("Pad", ["x", "pads", "fill"], ["pad"]), node("Pad", ["x", "pads"], ["edge"], mode="edge"),
    node("Pad", ["x", "pads"], ["reflect"], mode="reflect"), node("Expand", ["g", "wide"], ["e"]),
    node("Softmax", ["x"], ["sm"], axis=1), node("LogSoftmax", ["x"], ["lsm"]),
    node("ReduceSum", ["x", "raxes"], ["rs"]), node("ReduceMean", ["x"], ["rm"], keepdims=0),
    node("ReduceMax", ["x", "raxes"], ["rx"], keepdims=0), node("ReduceL2", ["x", "raxes"], ["l2"]),
    node("ReduceLogSumExp", ["x", "raxes"], ["lse"]),
    node("Shape", ["x"], ["dims"]), node("Gather", ["dims", "first"], ["d0"]), node("Concat", ["d0", "minus"], ["to"], axis=0),
    node("Reshape", ["x", "to"], ["dyn"]), node("Clip", ["x", "low", "high"], ["cl"]), node("Pow", ["x", "two"], ["pw"]),
    node("Max", ["x", "low"], ["mx"]), node("Mean", ["x", "cl"], ["mean"]), node("Greater", ["x", "low"], ["gt"]),
    node("Where", ["gt", "x", "low"], ["wh"]), node("PRelu", ["x", "slope"], ["pr"]),
], {"shape": i64(0, -1), "axes": i64(1), "starts": i64(-1, 0), "ends": i64(-100, 3), "saxes": i64(2, 1), "steps": i64(-2, 2),
    "rows": i64(0, -1), "lengths": i64(1, 3), "pads": i64(0, 1, 1, 0, 0, 2), "fill": np.float32(0.25), "wide": i64(1, 3, 2),
    "raxes": i64(1), "first": i64(0), "minus": i64(-1), "low": np.float32(-0.5), "high": np.float32(0.75),
    "two": np.float32(2), "slope": weights(4)},
    {"x": ([2, 3, 4], rng.normal(size=(2, 3, 4)))},
    ["t", "r", "f", "u", "s", "c", "sl", "g", "p1", "p2", "pad", "edge", "reflect", "e", "sm", "lsm", "rs", "rm", "rx", "l2",
     "lse", "dyn", "cl", "pw", "mx", "mean", "wh", "pr"])

image = rng.normal(size=(2, 4, 6, 5))
save("convolutions", [
    node("Conv", ["x", "w", "b"], ["plain"]),
    node("Conv", ["x", "w"], ["strided"], strides=[2, 1], pads=[1, 0, 2, 1], dilations=[1, 2]),
    node("Conv", ["x", "wg"], ["grouped"], group=2, pads=[1, 1, 1, 1]),
    node("Conv", ["x", "w"], ["same"], auto_pad="SAME_UPPER", strides=[2, 2]),
    node("ConvTranspose", ["x", "wt", "b"], ["up"], strides=[2, 2], pads=[1, 1, 1, 1], output_padding=[1, 0]),

    node("MaxPool", ["x"], ["mp"], kernel_shape=[2, 2], strides=[2, 2], pads=[0, 0, 0, 1]),
    node("AveragePool", ["x"], ["ap"], kernel_shape=[3, 3], pads=[1, 1, 1, 1]),
    node("AveragePool", ["x"], ["api"], kernel_shape=[3, 3], pads=[1, 1, 1, 1], count_include_pad=1),
    node("GlobalAveragePool", ["x"], ["gap"]), node("GlobalMaxPool", ["x"], ["gmp"]),
], {"w": weights(3, 4, 3, 2), "b": weights(3), "wg": weights(6, 2, 3, 3), "wt": weights(4, 3, 3, 3)},
    {"x": (["n", 4, 6, 5], image)},
    ["plain", "strided", "grouped", "same", "up", "mp", "ap", "api", "gap", "gmp"])

save("norms", [
    node("BatchNormalization", ["x", "s", "b", "m", "v"], ["bn"]), node("InstanceNormalization", ["x", "s", "b"], ["in"]),
    node("LayerNormalization", ["x", "ls", "lb"], ["ln"], axis=-1),
    node("Resize", ["x", "", "", "big"], ["re"], mode="nearest", nearest_mode="floor", coordinate_transformation_mode="asymmetric"),
], {"s": weights(4), "b": weights(4), "m": weights(4), "v": np.abs(weights(4)) + 0.5, "ls": weights(5), "lb": weights(5),
    "big": i64(2, 4, 12, 10)}, {"x": ([2, 4, 6, 5], image)}, ["bn", "in", "ln", "re"])

save("attention", [
    node("MatMul", ["q", "kt"], ["scores"]), node("Softmax", ["scores"], ["p"], axis=-1), node("MatMul", ["p", "v"], ["y"]),
    node("MatMul", ["v", "w"], ["z"]),
], {"kt": weights(2, 3, 5), "v": weights(2, 5, 4), "w": weights(4, 2)}, {"q": ([2, 6, 3], rng.normal(size=(2, 6, 3)))}, ["y", "z"])

with open(os.path.join(HERE, "expected.json"), "w") as file:
    json.dump(expected, file)
    file.write("\n")
