// Lines of code, counted alike for every language: a line counts if it has a letter or a
// digit outside of comments. Lines of braces, brackets and punctuation alone do not.

const comments = {
	js: [/\/\*.*?\*\//gs, /(^|\s)\/\/.*$/gm],
	php: [/\/\*.*?\*\//gs, /(^|\s)(\/\/|#(?!\[)).*$/gm],
	caddyfile: [/(^|\s)#.*$/gm],
	python: [/(^|\s)#.*$/gm],
};

const languages = { mjs: 'js', py: 'python', php: 'php', Caddyfile: 'caddyfile' };

// languageOf returns the language of a file, by its extension or name.
export const languageOf = (file) => languages[file.split('.').at(-1)];

// countLines returns the lines of code in a program.
export function countLines(text, language) {
	for (const comment of comments[language]) text = text.replace(comment, '');
	return text.split('\n').filter((line) => /[\p{L}\p{N}]/u.test(line)).length;
}
