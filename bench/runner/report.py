"""Samples to tables, in Markdown."""

import statistics


def summarize(samples):
    """samples[workload][variant] = a list of Sample, one a round → the same with ratios to plain."""
    return {workload: {variant: _compare(rounds, by_variant["plain"]) for variant, rounds in by_variant.items()}
            for workload, by_variant in samples.items()}


def _compare(rounds, plain_rounds):
    cpu = statistics.median(sample.cpu_seconds for sample in rounds)
    time = statistics.median(sample.micros_per_op for sample in rounds)
    plain_cpu = statistics.median(sample.cpu_seconds for sample in plain_rounds)
    plain_time = statistics.median(sample.micros_per_op for sample in plain_rounds)
    # The noise: how far single rounds stray from the median, in the middle.
    stray = statistics.median(abs(sample.cpu_seconds - cpu) for sample in rounds)
    return {"cpu_seconds": cpu, "cpu_ratio": cpu / plain_cpu, "cpu_stray": stray / plain_cpu, "micros_per_op": time,
            "rate_ratio": plain_time / time}


def tables(summary, variants):
    names = [variant.name for variant in variants]
    sections = []
    for title, cell in (
            ("CPU seconds (user + system), ratio to plain of the medians; ± is the median deviation between rounds",
             lambda row: f"{row['cpu_ratio']:.2f} ±{row['cpu_stray']:.2f}"),
            ("Operations per second, ratio to plain of the medians (more is better)",
             lambda row: f"{row['rate_ratio']:.2f}"),
    ):
        sections.append(f"{title}\n\n{_grouped(summary, names, cell)}")
    sections.append(f"Plain, absolute\n\n{_absolute(summary)}")
    return "\n\n".join(sections)


def _grouped(summary, names, cell):
    """One table for each group of workloads, to stay readable."""
    groups = ([name for name in summary if "+" not in name], [name for name in summary if "+" in name])
    texts = []
    for group in groups:
        if group:
            rows = [[name, *(cell(summary[workload][name]) for workload in group)] for name in names]
            texts.append(_markdown(["", *group], rows))
    return "\n\n".join(texts)


def _absolute(summary):
    rows = [[workload, f"{by_variant['plain']['cpu_seconds']:.2f}", f"{by_variant['plain']['micros_per_op']:.2f}"]
            for workload, by_variant in summary.items()]
    return _markdown(["workload", "CPU s", "µs per operation"], rows)


def _markdown(head, rows):
    widths = [max(len(row[i]) for row in [head, *rows]) for i in range(len(head))]
    lines = [head, ["-" * width for width in widths], *rows]
    return "\n".join("| " + " | ".join(cell.ljust(width) for cell, width in zip(line, widths)) + " |" for line in lines)
