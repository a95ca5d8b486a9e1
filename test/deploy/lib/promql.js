// The metrics and labels that an expression of PromQL names.

import { parser } from '@prometheus-io/lezer-promql';

const strictParser = parser.configure({ strict: true });

// parseExpression returns the metrics of an expression, each with its labels, and all labels by
// which the expression groups. A syntax error is an error.
export function parseExpression(expression) {
	const text = (node) => expression.slice(node.from, node.to);
	const metrics = [];
	const grouped = new Set();
	strictParser.parse(expression).iterate({
		enter(node) {
			if (node.name === 'VectorSelector') {
				metrics.push({ name: text(node.node.getChild('Identifier')), labels: findAll(node.node, 'LabelName').map(text) });
			}
			if (node.name === 'GroupingLabels') findAll(node.node, 'LabelName').map(text).forEach((label) => grouped.add(label));
		},
	});
	return { metrics, grouped: [...grouped] };
}

// findAll returns the descendants of a node that have the name.
function findAll(node, name) {
	const found = [];
	node.cursor().iterate((child) => {
		if (child.name === name) found.push(child.node);
	});
	return found;
}
